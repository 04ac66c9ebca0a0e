/** Where a role's files lie on each operating system, for the system's own services and for ordinary users. */

/** What decides: the operating system, and the user's number (null on Windows). */
export interface User {
  os: typeof Deno.build.os;
  uid: number | null;
  env(name: string): string | undefined;
}

/** Who runs this process. */
export function thisUser(): User {
  return { os: Deno.build.os, uid: Deno.uid(), env: (name) => Deno.env.get(name) || undefined };
}

/** The folder of the system daemon's sockets. */
export function systemRunDir(os: User["os"]): string {
  if (os === "windows") return "C:/ProgramData/ghostlink/run";
  return os === "darwin" ? "/var/run/ghostlink" : "/run/ghostlink";
}

/** The folder of sockets of a daemon that this user runs; null when there is none. */
export function runDirOf({ os, uid, env }: User): string | null {
  if (uid === 0 || os === "windows") return systemRunDir(os);
  const runtime = env("XDG_RUNTIME_DIR");
  return runtime === undefined ? null : `${runtime}/ghostlink`;
}

/** The state folder of a role that runs as the system's service. */
export function systemStateDir(role: string, os: User["os"]): string {
  if (os === "windows") return `C:/ProgramData/${role}`;
  return os === "darwin" ? `/Library/Application Support/${role}` : `/var/lib/${role}`;
}

/**
 * The folder below which an ordinary user's settings or state lie: XDG's, also on macOS, where command lines keep to it;
 * on Windows that of the roaming or the local profile. Null when the environment does not say.
 */
export function homeFor(kind: "config" | "state", { os, env }: User): string | null {
  if (os === "windows") return env(kind === "config" ? "APPDATA" : "LOCALAPPDATA") ?? null;
  const base = env(kind === "config" ? "XDG_CONFIG_HOME" : "XDG_STATE_HOME");
  if (base?.startsWith("/")) return base;
  const home = env("HOME");
  return home === undefined ? null : `${home}/${kind === "config" ? ".config" : ".local/state"}`;
}
