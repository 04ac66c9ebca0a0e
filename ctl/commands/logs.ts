/** `ghostctl logs` */
import type { LocalLogLine } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { followStream } from "../machine/follow.ts";
import { printable } from "../output/text.ts";

const LEVELS = ["debug", "info", "warn", "error"];

export async function run(call: Call): Promise<void> {
  const level = call.text("level") ?? "debug";
  if (!LEVELS.includes(level)) throw call.bad("level", `Expected one of ${LEVELS.join(", ")}, got "${level}"`);
  const last = call.count("last", { min: 0, max: 1000, otherwise: 50 });
  await followStream<LocalLogLine>(call, {
    path: `/v1/logs?tail=${last}${call.flag("follow") ? "" : "&follow=0"}`,
    wanted: (line) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(level),
    human: ({ line }) => printable(line),
  });
}
