/** Distance between machines of a lab: a delay line (delay_line.ts) in a host's cable to the public network. */
import { join } from "node:path";
import { PROJECT } from "../lib/run.ts";
import type { Lab } from "./lab.ts";

/**
 * Delays what goes between these hosts and the public network, each way.
 * @param hosts plugged in by `plug` (topology.ts), IPv4 only
 */
export async function moveAway(lab: Lab, hosts: readonly string[], ms: number): Promise<void> {
  const inet = lab.host("inet");
  const names = hosts.map((_, i) => `line${i}`);
  const program = ["run", "--quiet", "--no-prompt", "--no-config", "--allow-ffi"];
  const script = join(PROJECT, "scripts", "lab", "delay_line.ts");
  const line = inet.spawn("delay line", [Deno.execPath(), ...program, script, String(ms), ...names]);
  await line.line(/^ready$/);
  for (const [i, host] of hosts.entries()) {
    await inet.sh(
      `ip link add "$1-br" type bridge; ip link set "$1-br" up; ip link set "$1-a" up; ip link set "$1-b" up
       ip link set "$2" master "$1-br"; ip link set "$1-a" master "$1-br"; ip link set "$1-b" master br0`,
      names[i]!,
      `to-${host}`.slice(0, 15),
    );
  }
}
