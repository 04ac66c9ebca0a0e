/** `ghostctl peers` */
import type { LocalPeer } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { ago, bytes, milliseconds, printable, table } from "../output/text.ts";
import { watching } from "../output/watch.ts";

const LIKE = {
  peers: [{
    name: "",
    id: "",
    addresses: [""],
    online: true,
    path: { rung: "", endpoint: "", rttMs: 0, since: "", why: "" },
    rxBytes: 0,
    txBytes: 0,
    lastHandshake: "",
  }],
};

export async function run(call: Call): Promise<void> {
  await watching(call, () => show(call));
}

async function show(call: Call): Promise<void> {
  const { peers } = await askDaemon<{ peers: LocalPeer[] }>(call, { method: "GET", path: "/v1/peers", like: LIKE });
  call.out.answer({ peers }, () => human(peers, { colour: call.out.colour, now: Date.now() }));
}

function human(peers: LocalPeer[], { colour, now }: { colour: boolean; now: number }): string {
  if (peers.length === 0) return "no peers that policy lets this machine see";
  const heading = [
    "PEER",
    "ADDRESSES",
    "ONLINE",
    "PATH",
    "ENDPOINT",
    "RTT",
    "SINCE",
    "RECEIVED",
    "SENT",
    "HANDSHAKE",
    "ID",
  ];
  const rows = peers.map((p) => [
    p.name,
    p.addresses.join(", "),
    p.online ? "yes" : "no",
    p.path.rung,
    p.path.endpoint,
    milliseconds(p.path.rttMs),
    ago(p.path.since, now),
    bytes(p.rxBytes),
    bytes(p.txBytes),
    ago(p.lastHandshake, now),
    p.id,
  ]);
  const why = peers.flatMap((p) => p.path.why === null ? [] : [`${printable(p.name)}: ${printable(p.path.why)}`]);
  return [table(heading, rows, { colour }), ...why.length > 0 ? ["", ...why] : []].join("\n");
}
