/** `ghostctl netcheck` */
import type { LocalNetcheck } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { milliseconds, pairs, table } from "../output/text.ts";

const LIKE = {
  udp: true,
  ipv4: { mapping: "", certain: true, filtering: "", portPreserving: true, address: "" },
  ipv6: { works: true, address: "" },
  coordinator: true,
  gates: [{ name: "", rttMs: 0, use: "", rungs: [""] }],
  verdict: [""],
};

export async function run(call: Call): Promise<void> {
  const found = await askDaemon<LocalNetcheck>(call, { method: "GET", path: "/v1/netcheck", like: LIKE });
  call.out.answer({ ...found }, () => human(found, call.out.colour));
}

function human({ udp, ipv4, ipv6, coordinator, gates, verdict }: LocalNetcheck, colour: boolean): string {
  const mapping = ipv4.mapping === "none"
    ? "no NAT"
    : `${ipv4.mapping} mapping${ipv4.certain ? "" : " (as far as seen)"}`;
  const port = ipv4.portPreserving === null ? "" : ipv4.portPreserving ? ", keeps the port" : ", another port";
  const lines = [
    pairs([
      ["UDP", udp ? "yes" : "no answer from any gate"],
      ["IPv4", ipv4.address === null ? "not seen from outside" : `seen as ${ipv4.address}`],
      ["NAT", `${mapping}, ${ipv4.filtering} filtering${port}`],
      ["IPv6", ipv6.works ? `yes, ${ipv6.address}` : "no"],
      ["coordinator", coordinator ? "reached over HTTPS" : "not reached"],
    ]),
    "",
    gates.length === 0 ? "no gates" : table(
      ["GATE", "RTT", "USE", "RUNGS"],
      gates.map((g) => [g.name, milliseconds(g.rttMs), g.use, g.rungs.join(", ")]),
      { colour },
    ),
  ];
  if (verdict.length) lines.push("", ...verdict);
  return lines.join("\n");
}
