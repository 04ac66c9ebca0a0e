/** `ghostctl debug path PEER` */
import type { LocalPath } from "../../mesh/wire/local_look.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { milliseconds, pairs, printable, table } from "../output/text.ts";

const PLACE = { type: "", address: "", port: 0 };
const LIKE = {
  name: "",
  id: "",
  rung: "",
  endpoint: "",
  rttMs: 0,
  why: "",
  ice: { role: "", state: "" },
  candidates: { local: [PLACE], remote: [PLACE] },
  pairs: [{ local: "", remote: "", type: "", state: "", checks: 0, rttMs: 0 }],
  guess: "",
  timeline: [{ time: "", what: "" }],
};

export async function run(call: Call): Promise<void> {
  const body = { peer: call.args[0] };
  const path = await askDaemon<LocalPath>(call, { method: "POST", path: "/v1/debug/path", body, like: LIKE });
  call.out.answer({ ...path }, () => human(path, call.out.colour));
}

function human(path: LocalPath, colour: boolean): string {
  const places = (list: LocalPath["candidates"]["local"]) =>
    list.map((c) => `${c.type} ${c.address.includes(":") ? `[${c.address}]` : c.address}:${c.port}`).join(", ") ||
    "none";
  return [
    pairs([
      ["machine", `${path.name} (${path.id})`],
      ["path", `${path.rung}${path.endpoint === null ? "" : ` ${path.endpoint}`}`],
      ...path.why === null ? [] : [["why not better", path.why] as const],
      ["ICE", `${path.ice.state}, ${path.ice.role}`],
      ["own candidates", places(path.candidates.local)],
      ["its candidates", places(path.candidates.remote)],
      ...path.guess === null ? [] : [["guess", path.guess] as const],
    ]),
    "",
    table(
      ["LOCAL", "REMOTE", "TYPE", "STATE", "CHECKS", "RTT"],
      path.pairs.map((p) => [p.local, p.remote, p.type, p.state, String(p.checks), milliseconds(p.rttMs)]),
      { colour },
    ),
    "",
    ...path.timeline.map(({ time, what }) => `${printable(time)}  ${printable(what)}`),
  ].join("\n");
}
