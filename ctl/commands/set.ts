/** `ghostctl set`: changes what is named and nothing else; without an option it shows what is set. */
import type { LocalSettings } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { pairs } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const [name, ssh] = [call.text("name"), call.text("ssh")];
  if (ssh !== undefined && ssh !== "on" && ssh !== "off") throw call.bad("ssh", `Expected on or off, got "${ssh}"`);
  if (name !== undefined && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    throw call.bad("name", `A machine's name has at most 63 characters of a-z, 0-9 and -, got "${name}"`);
  }
  const body = { ...(name === undefined ? {} : { name }), ...(ssh === undefined ? {} : { ssh: ssh === "on" }) };
  const asked = Object.keys(body).length > 0;
  const answer = await askDaemon<LocalSettings>(call, {
    method: asked ? "POST" : "GET",
    path: "/v1/settings",
    ...(asked ? { body } : {}),
    like: { name: "", ssh: true, up: true },
  });
  call.out.answer(answer, () =>
    pairs([
      ["name", answer.name],
      ["ssh", `${answer.ssh ? "on" : "off"} (SSH host keys in this machine's record)`],
      ["tunnel", answer.up ? "up" : "down"],
    ]));
  const { given } = answer;
  if (given && given !== answer.name) {
    call.out.remark(
      `others know this machine as "${given}": an admin named it so, which counts until one types: ghostctl nodes rename`,
    );
  }
}
