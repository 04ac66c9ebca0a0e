/**
 * A whole gate, from its configuration to its end: its ports and keys, the STUN service, and all else that it is (gate.ts). Without a
 * network it answers STUN, refuses sessions and says how to admit it.
 */
import { openCertificate } from "./certificate.ts";
import { Gate, type RunOptions } from "./gate.ts";
import { HostWatch } from "./host_watch.ts";
import { clearLeftovers } from "./leftovers.ts";
import { openSockets } from "./sockets.ts";
import { StunServer } from "./stun.ts";

/** How often the host is looked at for sockets and lanes, in ms; more often where lanes end sooner than after a minute. */
const LOOK = 15_000;

/**
 * Runs until the signal aborts.
 * @throws GhostError when it cannot start; nothing has changed then
 */
export async function runGate(o: RunOptions): Promise<void> {
  const { config, world } = o;
  using _lock = await o.state.lock();
  using sockets = openSockets(config, o.file);
  await clearLeftovers({ ...world, stateDir: o.state.dir });
  using watch = new HostWatch(world.interfaces, Math.min(LOOK, config.lane_idle * 1000 / 4));
  const key = await o.state.identity(world.random);
  const certificate = await openCertificate(o.state.dir, world);
  const gate = new Gate(o, { sockets, key, certificate, watch });
  const network = await gate.network();
  const ticketsOnly = !config.fallback.includes("stun");
  const { stunAlternate: alternate } = sockets;
  const stun = sockets.stun &&
    new StunServer(sockets.stun, { alternate, tickets: gate.tickets, ticketsOnly, host: { watch, log: world.log } });
  if (stun && !ticketsOnly) world.log.info("answering STUN", { udp: `${config.listen.hostname}:${sockets.stunPort}` });
  try {
    if (!config.use_quic) {
      const left = config.fallback.filter((word) => word !== "ice").map((word) => word.toUpperCase()).join(" and ");
      world.log.info(`use_quic = false: no sessions, so no lane and no quic rung here; what is left is ${left}`);
    }
    await gate.serve(network, stun);
    gate.showMetrics(network, stun);
    await new Promise<void>((resolve) => {
      if (o.signal.aborted) resolve();
      else o.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    stun?.close();
    await gate.close();
  }
}
