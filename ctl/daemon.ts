/** The daemon's local API (mesh/wire/local.ts): HTTP over its unix socket, with the secret that lies beside it. */
import { fromProblem, GhostError } from "../mesh/wire/errors.ts";
import type { Call } from "./call.ts";
import { socketPath } from "./paths.ts";
import { fits } from "./shape.ts";

/** One request to the daemon. `like` is an example of the answer. */
export interface DaemonRequest {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
  like: Record<string, unknown>;
}

/**
 * Asks the daemon.
 * @throws GhostError `unreachable` when there is none (or not for this user), or what it answered
 */
export async function askDaemon<T>(call: Call, request: DaemonRequest): Promise<T> {
  const socket = socketPath(call);
  const secret = await readSecret(socket);
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  let status: number;
  let answer: unknown;
  try {
    const response = await fetch(`http://ghostlink${request.path}`, {
      client,
      method: request.method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: request.body === undefined ? null : JSON.stringify(request.body),
    });
    status = response.status;
    answer = await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) throw strange(socket);
    throw noDaemon(socket, error);
  }
  if (status >= 300) throw fromProblem(status, answer);
  if (!fits(answer, request.like)) throw strange(socket);
  return answer as T;
}

async function readSecret(socket: string): Promise<string> {
  const slash = socket.lastIndexOf("/");
  try {
    return (await Deno.readTextFile(`${slash < 0 ? "." : socket.slice(0, slash)}/token`)).trim();
  } catch (error) {
    throw noDaemon(socket, error);
  }
}

function noDaemon(socket: string, cause: unknown): GhostError {
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    const mend = "run ghostctl as the user who runs the daemon, such as root";
    return new GhostError("unreachable", "May not talk to this daemon", { place: socket, mend, cause });
  }
  return new GhostError("unreachable", "No daemon answers at this socket", {
    place: socket,
    mend: "start it with: ghostlink run, or name its socket with --socket",
    cause,
  });
}

function strange(socket: string): GhostError {
  return new GhostError("internal", "The daemon's answer is not understood", {
    place: socket,
    mend: "ghostctl and ghostlink should be of one version",
  });
}
