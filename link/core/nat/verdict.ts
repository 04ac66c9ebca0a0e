/** What a look at this machine's network means, in sentences for people. */
import { MAX_CLOCK_SKEW } from "../../../mesh/wire/api.ts";
import { isHard, type NatKind } from "./kind.ts";

export interface Findings {
  ipv4: NatKind;
  /** Some STUN service has answered over IPv6. */
  ipv6: boolean;
  /** Some STUN service has answered. */
  udp: boolean;
  /** The network's gates, and those with a session. */
  gates: number;
  sessions: number;
  /** Transports on which some gate's TURN service answers. */
  turn: readonly ("udp" | "tls" | "tcp")[];
  /** The same of servers that the config names. */
  namedTurn: readonly ("udp" | "tls" | "tcp")[];
  coordinator: boolean;
  /** The router maps the tunnel's port. */
  portMapped: boolean;
  /** Ms by which this machine's clock is ahead of the coordinator's; null when that is not known. */
  clockAheadMs: number | null;
}

/** A clock that is off by more is worth a word, in ms; statements are refused beyond MAX_CLOCK_SKEW (mesh/wire/api.ts). */
const CLOCK_OFF = 10_000;

/** Worst first; empty when all is well. */
export function verdict(f: Findings): string[] {
  return [...ofClock(f.clockAheadMs), ...ofNetwork(f)];
}

function ofClock(ahead: number | null): string[] {
  if (ahead === null || Math.abs(ahead) < CLOCK_OFF) return [];
  const off = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"}`;
  return [
    `this machine's clock is ${off} the coordinator's: set it, ` +
    `or one of the two refuses what the other signs (beyond ${MAX_CLOCK_SKEW} s)`,
  ];
}

function ofNetwork(f: Findings): string[] {
  const relays = f.turn.length > 0 ? f.turn : f.namedTurn;
  if (!f.udp && f.sessions === 0 && relays.length === 0) {
    if (!f.coordinator) return ["nothing can be reached: neither the coordinator nor a gate"];
    if (f.gates === 0) return ["the network has no gate, so this machine cannot be seen from outside"];
    return [
      "everything but the coordinator's HTTPS is blocked: no UDP reaches a gate, and neither TCP nor TLS reaches a gate's TURN " +
      "service, so this machine reaches no peer outside of its own network; open UDP, or TCP 443, towards the gates",
    ];
  }
  const list: string[] = [];
  if (!f.coordinator) list.push("the coordinator is away");
  if (!f.udp && f.sessions === 0) {
    const ways = relays.map((way) => way.toUpperCase()).join(" and ");
    const whose = f.turn.length > 0 ? "a gate's TURN service" : "a TURN server of ghostlink.toml";
    list.push(`no session with a gate: packets go through ${whose} over ${ways}`);
  }
  if (!f.udp) list.push("no STUN service answers: direct paths over the internet are unlikely");
  else if (isHard(f.ipv4.mapping) && !f.portMapped) {
    list.push(
      "the NAT gives every destination another port: direct paths need an open peer, IPv6, a port mapping, or a guess (a few seconds)",
    );
  }
  return list;
}
