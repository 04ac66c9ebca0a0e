/** Starts sessions of the tunnel from the state folder and puts the machine back when each ends. */
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { openKept } from "../../mesh/trust/kept_ledger.ts";
import { nodeIdOf } from "../../mesh/trust/keys.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { Daemon } from "./daemon.ts";
import type { DaemonOptions } from "./daemon_options.ts";
import { OwnRecord } from "./own_record.ts";
import { Prepared } from "./prepared.ts";
import { random } from "./random.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

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
  // What a join brought up is used by the first session, if it is for this node.
  const who = { id, net: network.net };
  const ready = await o.preparing.take();
  const fits = ready?.isFor(who) ?? false;
  if (!fits) await ready?.close();
  const prepared = ready && fits ? ready : await Prepared.begin(who, o);
  const { machine, hub, turnServers } = prepared;
  const connection = o.preparing.takeConnection();
  const joined = connection ? { record: network.record, connection } : null;
  let daemon: Daemon | null = null;
  let came = false;
  const attach: DaemonOptions["attach"] = async (session) => {
    await o.attach(session);
    came = true;
  };
  try {
    daemon = new Daemon({ ...o, attach }, { id, own, ledger, machine, hub, turnServers, joined });
    prepared.user = daemon;
    await daemon.serve();
  } finally {
    await daemon?.close();
    // An update and a crash are no wish to be off the network, `ghostctl down` is.
    const { up } = await o.state.settings().catch(() => ({ up: true }));
    await prepared.close(!up ? "go" : came ? "stay" : "as found");
  }
}
