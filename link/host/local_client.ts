/** `ghostlink join` beside a running daemon: asks it over its socket instead of writing into its state. */
import { fromProblem } from "../../mesh/wire/errors.ts";
import { localJoinAnswer, type localJoinRequest } from "../../mesh/wire/local.ts";
import { parse, type z } from "../../mesh/wire/schema.ts";

/** The daemon's answer, or null when none runs behind this socket. @throws GhostError when it refuses */
export async function askDaemon(
  socket: string,
  request: z.infer<typeof localJoinRequest>,
): Promise<z.infer<typeof localJoinAnswer> | null> {
  const answer = await post(socket, { path: "/v1/join", body: request });
  return answer && parse(localJoinAnswer, answer.body, "daemon's answer");
}

/** Tells a running daemon something; false when none runs. @throws GhostError when it refuses */
export async function tellDaemon(socket: string, o: { path: string; body: unknown }): Promise<boolean> {
  return await post(socket, o) !== null;
}

async function post(socket: string, o: { path: string; body: unknown }): Promise<{ body: unknown } | null> {
  let secret: string;
  try {
    secret = await Deno.readTextFile(`${socket.slice(0, socket.lastIndexOf("/"))}/token`);
    (await Deno.connect({ transport: "unix", path: socket })).close();
  } catch {
    return null; // no daemon: no socket, a stale one, or not ours to use
  }
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const response = await fetch(`http://ghostlink${o.path}`, {
    client,
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(o.body),
  });
  const body: unknown = await response.json();
  if (!response.ok) throw fromProblem(response.status, body);
  return { body };
}
