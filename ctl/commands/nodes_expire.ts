/** `ghostctl nodes expire NAME TIME` */
import { parseDuration } from "../admin/duration.ts";
import { rfc3339, unixTime } from "../admin/host.ts";
import { changeNodeOrOut, reportNode } from "../admin/node_settings.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const when = call.args[1]!;
  const seconds = when === "now" ? 0 : when === "never" ? null : parseDuration(when);
  if (seconds === null && when !== "never") {
    throw call.wrong(`Expected now, never or a time such as 30d, got "${when}"`);
  }
  const expires = seconds === null ? null : unixTime() + seconds;
  const done = await changeNodeOrOut(
    call,
    ({ expires: before, ...rest }) => expires !== null ? { ...rest, expires } : before === undefined ? null : rest,
  );
  const text = expires === null ? null : rfc3339(expires);
  reportNode(call, done, { is: text === null ? "has no end" : `ends at ${text}`, value: { expires: text } });
}
