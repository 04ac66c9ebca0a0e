/**
 * The daemon's local API (mesh/wire/local.ts): HTTP over its unix socket, with the secret that lies beside it. Who may not read
 * the secret asks the read-only socket what that one answers.
 */
import { fromProblem, GhostError } from "../mesh/wire/errors.ts";
import type { Call } from "./call.ts";
import { socketPaths } from "./paths.ts";
import { fits } from "./shape.ts";

/** One request to the daemon. `like` is an example of the answer. */
export interface DaemonRequest {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
  like: Record<string, unknown>;
}

/** What the read-only socket answers. */
const READABLE = ["/v1/status", "/v1/peers", "/v1/firewall"];

/** A socket that is there for us; `secret` is null at the read-only one. */
interface Door {
  socket: string;
  secret: string | null;
}

/**
 * Asks the daemon.
 * @throws GhostError `unreachable` when there is none (or not for this user), or what it answered
 */
export async function askDaemon<T>(call: Call, request: DaemonRequest): Promise<T> {
  call.out.busy.call("waiting for the daemon");
  const { door, response } = await send(call, request);
  let answer: unknown;
  try {
    answer = await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) throw strange(door.socket);
    throw noDaemon(door.socket, error);
  }
  if (response.status >= 300) throw fromProblem(response.status, answer);
  if (!fits(answer, request.like)) throw strange(door.socket);
  return answer as T;
}

/** Opens a stream of server-sent events. @throws GhostError as `askDaemon` */
export async function streamDaemon(
  call: Call,
  { path, signal }: { path: string; signal?: AbortSignal },
): Promise<ReadableStream<Uint8Array>> {
  const { door, response } = await send(call, { method: "GET", path }, signal);
  if (response.status >= 300) throw fromProblem(response.status, await response.json().catch(() => null));
  if (!response.body) throw strange(door.socket);
  return response.body;
}

async function send(
  call: Call,
  request: Omit<DaemonRequest, "like">,
  signal?: AbortSignal,
): Promise<{ door: Door; response: Response }> {
  const door = await findDoor(socketPaths(call), request);
  // Not closed: it lives as long as this process, and a stream needs it to the end.
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: door.socket } });
  try {
    const response = await fetch(`http://ghostlink${request.path}`, {
      client,
      method: request.method,
      headers: {
        "content-type": "application/json",
        ...(door.secret === null ? {} : { authorization: `Bearer ${door.secret}` }),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      ...(signal ? { signal } : {}),
    });
    return { door, response };
  } catch (error) {
    throw noDaemon(door.socket, error);
  }
}

async function findDoor(sockets: readonly string[], { method, path }: { method: string; path: string }): Promise<Door> {
  let failed: { socket: string; error: unknown } | null = null;
  for (const socket of sockets) {
    const slash = socket.lastIndexOf("/");
    const dir = slash < 0 ? "." : socket.slice(0, slash);
    try {
      return { socket, secret: (await Deno.readTextFile(`${dir}/token`)).trim() };
    } catch (error) {
      if (!(failed && isForbidden(failed.error))) failed = { socket, error };
      if (!isForbidden(error) || method !== "GET" || !READABLE.includes(path)) continue;
      const read = `${dir}/read.sock`;
      if (await Deno.stat(read).then((info) => info.isSocket, () => false)) return { socket: read, secret: null };
    }
  }
  throw noDaemon(failed!.socket, failed!.error);
}

function isForbidden(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
}

function noDaemon(socket: string, cause: unknown): GhostError {
  if (Deno.build.os !== "linux") {
    const mend = "ghostlink runs on Linux only so far; verbs about networks that you administer work here";
    return new GhostError("unreachable", "No daemon runs on this system", { place: socket, mend, cause });
  }
  if (isForbidden(cause)) {
    const mend = "run ghostctl as the user who runs the daemon, such as root, or as a member of its [link] group";
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
