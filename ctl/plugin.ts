/**
 * Plugins: `ghostctl NAME ...` runs the program `ghostctl-NAME` of PATH, as git and kubectl do. The launcher looks for it
 * (scripts/launch.sh), because ghostctl itself may run nothing that the launcher has not named.
 */
import { GhostError } from "../mesh/wire/errors.ts";

/** The program of a plugin, or null when there is none. */
export async function findPlugin(name: string): Promise<string | null> {
  const path = Deno.env.get("GHOSTCTL_PLUGIN");
  if (!path?.startsWith("/") || !path.endsWith(`/ghostctl-${name}`)) return null;
  return await Deno.stat(path).then((info) => info.isFile ? path : null, () => null);
}

/** Runs it at our own terminal; its exit code. @throws GhostError `missing_privilege` */
export async function runPlugin(path: string, args: readonly string[]): Promise<number> {
  try {
    const child = new Deno.Command(path, { args: [...args], stdin: "inherit", stdout: "inherit", stderr: "inherit" });
    return (await child.spawn().status).code;
  } catch (cause) {
    const mend = "check its mode and its first line (#!)";
    throw new GhostError("missing_privilege", "Cannot run this plugin", { place: path, mend, cause });
  }
}
