/** Starts sessions of the tunnel from the state folder and puts the machine back when each ends. */
import { steady } from "../../mesh/host/clock.ts";
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { openKept } from "../../mesh/trust/kept_ledger.ts";
import { networkPrefix6 } from "../../mesh/trust/address.ts";
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
 * Runs the daemon until the signal aborts; everything that it made on the machine is gone when this returns, but a kill switch and,
 * if the tunnel was up and is to be, the routes of last resort (link/host/last_resort.ts).
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
  let came = false;
  try {
    const machine = await o.platform.openMachine({
      iface: o.config.interface,
      owner: id,
      prefix6: await networkPrefix6(network.net),
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
      const attach: DaemonOptions["attach"] = async (session) => {
        await o.attach(session);
        came = true;
      };
      daemon = new Daemon({ ...o, attach }, { id, own, ledger, machine, hub, turnServers });
      await daemon.serve();
    } finally {
      await daemon?.close();
      // An update and a crash are no wish to be off the network, `ghostctl down` is.
      const { up } = await o.state.settings().catch(() => ({ up: true }));
      await machine.close({ lastResort: !up ? "go" : came ? "stay" : "as found" });
    }
  } finally {
    hub.close();
  }
}
