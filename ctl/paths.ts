/** Where the daemon's socket and ghostctl's own folder are. */
import { GhostError } from "../mesh/wire/errors.ts";
import type { Call } from "./call.ts";

/** The daemon's socket: `--socket`, GHOSTLINK_SOCKET, else the place where a daemon of this user listens. */
export function socketPath(call: Call): string {
  const named = call.text("socket") ?? (Deno.env.get("GHOSTLINK_SOCKET") || undefined);
  if (named !== undefined) return named;
  if (Deno.uid() === 0) return "/run/ghostlink/ghostlink.sock";
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  if (runtime) return `${runtime}/ghostlink/ghostlink.sock`;
  throw new GhostError("unreachable", "Where is the daemon's socket? XDG_RUNTIME_DIR is not set", {
    mend: "name it with --socket FILE, or run as root when the daemon does",
  });
}

/** ghostctl's own folder: `--config-dir`, GHOSTCTL_CONFIG_DIR, XDG_CONFIG_HOME/ghostctl, ~/.config/ghostctl. */
export function configDir(call: Call): string {
  const named = call.text("config-dir") ?? (Deno.env.get("GHOSTCTL_CONFIG_DIR") || undefined);
  if (named !== undefined) return named;
  const base = Deno.env.get("XDG_CONFIG_HOME");
  if (base?.startsWith("/")) return `${base}/ghostctl`;
  const home = Deno.env.get("HOME");
  if (home) return `${home}/.config/ghostctl`;
  throw new GhostError("bad_config", "No config folder: HOME is not set", { mend: "name one with --config-dir DIR" });
}
