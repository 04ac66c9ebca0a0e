/** Where the daemon's socket and ghostctl's own folder are. */
import { homeFor, runDirOf, systemRunDir, systemStateDir, thisUser } from "../mesh/host/places.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import type { Call } from "./call.ts";

const DAEMONS = ["ghostlink", "ghostgate", "ghostmesh"];

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

/**
 * What a plugin never reads or writes, whatever was granted, and what is never signed as a policy's import: the admin keys, and
 * the sockets, secrets and state of all daemons of this machine, also where a flag or the environment names other folders.
 */
export function closedPlaces(call: Call): string[] {
  const user = thisUser();
  const own = runDirOf(user);
  const homes = [homeFor("config", user), homeFor("state", user)].filter((dir) => dir !== null);
  const home = user.env("HOME");
  // Root's daemons, and those of a shell that knows no XDG_ variables, keep to these.
  if (home !== undefined) homes.push(`${home}/.config`, `${home}/.local/state`);
  const state = DAEMONS.flatMap((role) => [systemStateDir(role, user.os), ...homes.map((dir) => `${dir}/${role}`)]);
  const sockets = socketPaths(call).map((socket) => socket.slice(0, socket.lastIndexOf("/")) || "/");
  const run = [...own === null ? [] : [own], systemRunDir(user.os)];
  const config = homes.map((dir) => `${dir}/ghostctl`);
  return [...new Set([configDir(call), ...config, ...sockets, ...run, ...state])];
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
