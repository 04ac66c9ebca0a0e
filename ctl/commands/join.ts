/** `ghostctl join`: asks a daemon that runs, such as one that was started with `ghostlink run --idle`, to join. */
import { GhostError } from "../../mesh/wire/errors.ts";
import { readStdin } from "../admin/host.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  const auth = await readAuth(call.text("auth")!);
  if (auth === "oidc" || auth === "mtls") {
    throw call.bad("auth", `By ${auth} a machine comes in with: ghostlink join --auth ${auth} ...`);
  }
  const [server, name] = [call.text("server"), call.text("name")];
  const like = { name: "", id: "", addresses: [""] };
  const answer = await askDaemon<typeof like>(call, {
    method: "POST",
    path: "/v1/join",
    body: { auth, ...(server === undefined ? {} : { server }), ...(name === undefined ? {} : { name }) },
    like,
  });
  call.out.answer(answer, () => `joined as ${answer.name} (${answer.addresses.join(", ")})`);
}

/** `-` reads the token from standard input, `@FILE` from a file. */
async function readAuth(text: string): Promise<string> {
  if (text === "-") return await readStdin();
  if (!text.startsWith("@")) return text;
  try {
    return (await Deno.readTextFile(text.slice(1))).trim();
  } catch (cause) {
    const mend = "check the file's name and its mode";
    throw new GhostError("bad_token", "Cannot read the token's file", { place: text.slice(1), mend, cause });
  }
}
