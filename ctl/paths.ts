/** Where the daemon's socket and ghostctl's own folder are. */
import { homeFor, runDirOf, systemRunDir, thisUser } from "../mesh/host/places.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import type { Call } from "./call.ts";

/**
 * The daemon's sockets in the order in which they are tried: `--socket`, GHOSTLINK_SOCKET, else the daemon of this user and then
 * the system's, which its group may use.
 */
export function socketPaths(call: Call): string[] {
  const user = thisUser();
  const named = call.text("socket") ?? user.env("GHOSTLINK_SOCKET");
  if (named !== undefined) return [named];
  const own = runDirOf(user);
  const dirs = new Set([...own === null ? [] : [own], systemRunDir(user.os)]);
  return [...dirs].map((dir) => `${dir}/ghostlink.sock`);
}

/** What a plugin never reads or writes, whatever was granted: the admin keys, and the secrets of daemons. */
export function closedPlaces(call: Call): string[] {
  return [configDir(call), ...socketPaths(call).map((socket) => socket.slice(0, socket.lastIndexOf("/")) || "/")];
}

/** ghostctl's own folder: `--config-dir`, GHOSTCTL_CONFIG_DIR, XDG_CONFIG_HOME/ghostctl, ~/.config/ghostctl; on Windows in APPDATA. */
export function configDir(call: Pick<Call, "text">): string {
  const user = thisUser();
  const named = call.text("config-dir") ?? user.env("GHOSTCTL_CONFIG_DIR");
  if (named !== undefined) return named;
  const base = homeFor("config", user);
  if (base !== null) return `${base}/ghostctl`;
  throw new GhostError("bad_config", `No config folder: ${user.os === "windows" ? "APPDATA" : "HOME"} is not set`, {
    mend: "name one with --config-dir DIR",
  });
}
