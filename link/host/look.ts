/** What the daemon tells of its network and of one path: the answers behind `ghostctl netcheck` and `ghostctl debug path`. */
import { verdict } from "../core/nat/verdict.ts";
import { whyNotBetter } from "../core/path/why.ts";
import { familyOf } from "../../mesh/wire/stun/mod.ts";
import { steady } from "../../mesh/host/clock.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LocalNetcheck, LocalPath } from "../../mesh/wire/local_look.ts";
import { stunCrypto } from "./crypto.ts";
import { probeNat } from "./nat_probe.ts";
import type { Parts } from "./parts.ts";
import type { Peer } from "./peer.ts";

/** What the coordinator has to tell the time, in ms. */
const CLOCK_PATIENCE = 3_000;

/** Looks at this machine's network anew; takes up to a few seconds where nothing answers. */
export async function netcheck(parts: Parts, o: { meshUp: boolean }): Promise<LocalNetcheck> {
  await Promise.all([parts.surroundings.refresh(), parts.collisions.refresh()]);
  const { services } = parts.surroundings;
  const of = (family: 4 | 6) => services.filter(({ server }) => familyOf(server.address) === family);
  const relaysOf = (gate: string | null) => parts.turn.desk.enabled ? parts.turn.probe(gate) : [];
  const [v4, v6, clockAheadMs, namedRelays] = await Promise.all([
    probeNat(of(4), stunCrypto),
    probeNat(of(6), stunCrypto),
    parts.mesh.clockAhead({ signal: AbortSignal.timeout(CLOCK_PATIENCE) }).catch(() => null),
    relaysOf(null),
    parts.portMap?.look(),
  ]);
  const ipv4 = parts.surroundings.withPeer(v4.kind);
  const rtts = new Map<string, number>();
  for (const [family, report] of [[4, v4], [6, v6]] as const) {
    of(family).forEach(({ server }, i) => {
      const rtt = report.rttMs[i] ?? null;
      if (rtt !== null) rtts.set(`${server.address} ${server.port}`, rtt);
    });
  }
  const gates = await Promise.all(
    parts.gates.list().map(async ({ gate, connected, lanes, use }) => {
      const own = services.filter((s) => s.gate === gate.id).flatMap((s) =>
        rtts.get(`${s.server.address} ${s.server.port}`) ?? []
      );
      const relays = await relaysOf(gate.id);
      return {
        name: gate.name,
        use,
        rttMs: own.length === 0 ? null : Math.min(...own),
        rungs: [...(lanes ? ["lane"] : []), ...(connected ? ["quic"] : []), ...(relays.length > 0 ? ["turn"] : [])],
        turn: relays,
      };
    }),
  );
  const answered = { v4: v4.rttMs.some((rtt) => rtt !== null), v6: v6.rttMs.some((rtt) => rtt !== null) };
  const findings = {
    ipv4,
    ipv6: answered.v6,
    udp: answered.v4 || answered.v6,
    gates: gates.length,
    sessions: gates.filter(({ rungs }) => rungs.includes("quic")).length,
    turn: [...new Set(gates.flatMap(({ turn }) => turn))],
    namedTurn: namedRelays,
    coordinator: o.meshUp,
    portMapped: (parts.portMap?.state.mapping ?? null) !== null,
    clockAheadMs,
  };
  const { mapping, certain, filtering, portPreserving, mapped } = ipv4;
  return {
    udp: findings.udp,
    ipv4: { mapping, certain, filtering, portPreserving, address: mapped?.address ?? null },
    ipv6: { works: answered.v6, address: v6.kind.mapped?.address ?? null },
    portMapping: portMappingOf(parts.portMap),
    clock: { aheadMs: clockAheadMs },
    coordinator: o.meshUp,
    gates,
    verdict: [...verdict(findings), ...parts.collisions.found],
  };
}

function portMappingOf(portMap: Parts["portMap"]): LocalNetcheck["portMapping"] {
  if (!portMap) return { enabled: false, gateway: null, answered: [], mapping: null, why: "portmap = false" };
  const { gateway, answered, mapping, why } = portMap.state;
  return {
    enabled: true,
    gateway,
    answered: [...answered],
    mapping: mapping && { protocol: mapping.protocol, ...mapping.external },
    why,
  };
}

/** Why this peer's path is no better; null when it is direct. */
export function whyOf(parts: Parts, peer: Peer): string | null {
  const { ice, guess, relays } = peer.inside();
  return whyNotBetter({
    rung: peer.state.rung,
    ice: ice.state,
    reachable: parts.reachable(peer.id),
    session: parts.gates.connected.length > 0,
    locals: ice.candidates.length,
    remotes: guess.remotes.length,
    hard: parts.surroundings.hardness === "hard",
    guess: guess.text,
    refusal: guess.refusal,
    relay: parts.turn.desk.fault,
    relays,
  });
}

/**
 * All about the path to one peer.
 * @throws GhostError `not_found`
 */
export function debugPath(parts: Parts, text: string): LocalPath {
  const known = parts.view.find(text);
  const peer = known && parts.peers.all.get(known.id);
  if (!known || !peer) {
    throw new GhostError("not_found", `No peer "${text}"`, {
      mend: "ghostctl peers lists those that policy lets this machine see",
    });
  }
  const { ice, guess } = peer.inside();
  const { rung, endpoint, rttMs } = peer.state;
  const brief = (c: { type: string; address: string; port: number }) => ({
    type: c.type,
    address: c.address,
    port: c.port,
  });
  return {
    name: known.name,
    id: peer.id,
    rung,
    endpoint,
    rttMs,
    why: whyOf(parts, peer),
    ice: { role: ice.role, state: ice.state },
    candidates: { local: ice.candidates.map(brief), remote: guess.remotes.map(brief) },
    pairs: ice.pairs,
    guess: guess.text,
    timeline: peer.timeline.entries.map(({ at, what }) => ({ time: new Date(steady.shown(at)).toISOString(), what })),
  };
}
