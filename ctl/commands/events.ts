/** `ghostctl events` */
import type { LocalEvent } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { followStream } from "../machine/follow.ts";
import { printable } from "../output/text.ts";

const KINDS = ["path", "peer", "coordinator", "gate", "ledger", "state"];

export async function run(call: Call): Promise<void> {
  const kinds = call.all("kind");
  const strange = kinds.find((kind) => !KINDS.includes(kind));
  if (strange !== undefined) throw call.bad("kind", `Expected one of ${KINDS.join(", ")}, got "${strange}"`);
  const last = call.count("last", { min: 0, max: 500, otherwise: 0 });
  await followStream<LocalEvent>(call, {
    path: `/v1/events?tail=${last}${call.flag("once") ? "&follow=0" : ""}`,
    wanted: ({ kind }) => kinds.length === 0 || kinds.includes(kind),
    human: ({ time, kind, text }) => `${time.slice(11, 19)} ${kind.padEnd(11)} ${printable(text)}`,
  });
}
