/** `ghostctl netcheck` */
import type { LocalNetcheck } from "../../mesh/wire/local_look.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { milliseconds, pairs, printable, table } from "../output/text.ts";

const LIKE = {
  udp: true,
  ipv4: { mapping: "", certain: true, filtering: "", portPreserving: true, address: "" },
  ipv6: { works: true, address: "" },
  portMapping: {
    enabled: true,
    gateway: "",
    answered: [""],
    mapping: null,
    why: "",
  },
  clock: { aheadMs: 0 },
  coordinator: true,
  gates: [{ name: "", rttMs: 0, use: "", rungs: [""], turn: [""] }],
  verdict: [""],
};

export async function run(call: Call): Promise<void> {
  const found = await askDaemon<LocalNetcheck>(call, { method: "GET", path: "/v1/netcheck", like: LIKE });
  call.out.answer({ ...found }, () => human(found, call.out.colour));
}

function human(found: LocalNetcheck, colour: boolean): string {
  const { udp, ipv4, ipv6, coordinator, gates, verdict } = found;
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
      ["port mapping", portMapping(found.portMapping)],
      ["clock", clock(found.clock.aheadMs)],
      ["coordinator", coordinator ? "reached over HTTPS" : "not reached"],
    ]),
    "",
    gates.length === 0 ? "no gates" : table(
      ["GATE", "RTT", "USE", "RUNGS", "TURN OVER"],
      gates.map((g) => [g.name, milliseconds(g.rttMs), g.use, g.rungs.join(", "), g.turn.join(", ") || "-"]),
      { colour },
    ),
  ];
  if (verdict.length) lines.push("", ...verdict);
  return lines.join("\n");
}

function portMapping({ enabled, answered, mapping, why }: LocalNetcheck["portMapping"]): string {
  if (!enabled) return "off by the settings";
  const spoken = answered.length === 0 ? "" : `; the router speaks ${answered.join(", ")}`;
  if (mapping === null) return `none: ${printable(why ?? "not known")}${spoken}`;
  return `${mapping.protocol}, ${mapping.address}:${mapping.port}${spoken}`;
}

/** The coordinator's date has whole seconds. */
function clock(ahead: number | null): string {
  if (ahead === null) return "not compared";
  const seconds = Math.round(Math.abs(ahead) / 1000);
  return seconds <= 1 ? "as the coordinator's" : `${seconds} s ${ahead > 0 ? "ahead of" : "behind"} the coordinator's`;
}
