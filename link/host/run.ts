/** Starts sessions of the tunnel from the state folder and puts the machine back when each ends. */
import { steady } from "../../mesh/host/clock.ts";
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { openKept } from "../../mesh/trust/kept_ledger.ts";
import { nodeIdOf } from "../../mesh/trust/keys.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { stunCrypto } from "./crypto.ts";
import { Daemon, type DaemonOptions } from "./daemon.ts";
import { IceHub } from "./ice_hub.ts";
import { OwnRecord } from "./own_record.ts";
import { random } from "./random.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";
import { namedServer } from "./turn_servers.ts";

/**
 * Runs the daemon until the signal aborts; everything that it made on the machine is gone when this returns.
 * @throws GhostError for what is missing; the machine is then as before
 */
export async function runDaemon(o: Omit<SupervisorOptions, "session">): Promise<void> {
  using _lock = await o.state.lock();
  await new Supervisor({ ...o, session: runSession }).run();
  o.log.info("Stopped");
}

async function runSession(o: DaemonOptions): Promise<void> {
  const identity = await o.state.identity();
  const network = await o.state.network();
  if (!identity || !network) {
    throw new GhostError("not_admitted", "This machine has not joined a network", {
      place: o.state.dir,
      mend: "run: ghostlink join --server HOST --auth TOKEN",
    });
  }
  const ledger = await openKept(o.state.ledger, { net: network.net, issuerSigners });
  const own = new OwnRecord({ state: o.state, identity, network, random, now: () => Date.now() });
  await own.heal();
  const id = await nodeIdOf(identity.identity.public);
  const turnServers = await Promise.all(o.config.turn.map(namedServer));
  const hub = new IceHub({ log: o.log, crypto: stunCrypto, clock: steady.now });
  let daemon: Daemon | null = null;
  try {
    const machine = await o.platform.openMachine({
      iface: o.config.interface,
      owner: id,
      port: o.config.port,
      mtu: o.config.mtu,
      firewall: o.config.firewall,
      onChange: o.config.on_change ?? null,
      stunPort: hub.port,
      stateDir: o.state.dir,
      log: o.log,
      onDeviceRestart: () => daemon?.reconcile(),
      onRouteHealth: () => daemon?.reconcile(),
    });
    try {
      daemon = new Daemon(o, { id, own, ledger, machine, hub, turnServers });
      await daemon.serve();
    } finally {
      await daemon?.close();
      await machine.close();
    }
  } finally {
    hub.close();
  }
}
