/** `ghostctl wait [PEER]`: for scripts; 0 when it is so, 4 when the time is over before. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LocalPeer, LocalStatus } from "../../mesh/wire/local.ts";
import { parseDuration } from "../admin/duration.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

/** How often the daemon is asked, in ms. */
const INTERVAL = 250;
/** The exit code for a wait in vain. */
const IN_VAIN = 4;

export async function run(call: Call): Promise<number> {
  const [peer] = call.args;
  const wanted = call.text("for") ?? (peer === undefined ? "connected" : "reachable");
  const known = peer === undefined ? ["connected"] : ["reachable", "direct"];
  if (!known.includes(wanted)) {
    const whom = peer === undefined ? "this machine" : "a peer";
    throw call.bad("for", `Expected ${known.join(" or ")} for ${whom}, got "${wanted}"`);
  }
  const seconds = parseDuration(call.text("timeout") ?? "60s");
  if (seconds === null) throw call.bad("timeout", "Expected a time such as 30s or 5m");
  const began = performance.now();
  for (;;) {
    let last = "the daemon does not answer";
    try {
      const seen = peer === undefined ? await connected(call) : await reached(call, peer, wanted);
      last = seen.now;
      if (seen.done) {
        const waitedMs = Math.round(performance.now() - began);
        call.out.answer({ peer: peer ?? null, for: wanted, reached: true, now: last, waitedMs }, () => last);
        return 0;
      }
    } catch (error) {
      // A daemon that is starting does not answer yet, and a new peer is not known yet.
      if (!(error instanceof GhostError)) throw error;
    }
    if (performance.now() - began + INTERVAL > seconds * 1000) {
      const waitedMs = Math.round(performance.now() - began);
      call.out.answer(
        { peer: peer ?? null, for: wanted, reached: false, now: last, waitedMs },
        () => `not yet: ${last}`,
      );
      return IN_VAIN;
    }
    call.out.busy.call(`not yet: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}

async function connected(call: Call): Promise<{ done: boolean; now: string }> {
  const like = { network: { connected: true }, gates: [{ connected: true }] };
  const { network, gates } = await askDaemon<LocalStatus>(call, { method: "GET", path: "/v1/status", like });
  const gate = gates.find((g) => g.connected);
  const done = network.connected && (gates.length === 0 || gate !== undefined);
  const where = gate ? `, gate ${gate.name}` : gates.length ? ", no gate" : "";
  return { done, now: `coordinator ${network.connected ? "connected" : "not connected"}${where}` };
}

async function reached(call: Call, name: string, wanted: string): Promise<{ done: boolean; now: string }> {
  const like = { peers: [{ name: "", id: "", addresses: [""], path: { rung: "" } }] };
  const { peers } = await askDaemon<{ peers: LocalPeer[] }>(call, { method: "GET", path: "/v1/peers", like });
  const peer = peers.find((p) => p.name === name.toLowerCase() || p.id === name || p.addresses.includes(name));
  if (!peer) return { done: false, now: `no peer "${name}"` };
  const { rung } = peer.path;
  return { done: wanted === "direct" ? rung === "direct" : rung !== "none", now: `${peer.name}: ${rung}` };
}
