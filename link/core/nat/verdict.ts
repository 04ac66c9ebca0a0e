/** What a look at this machine's network means, in sentences for people. */
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
  coordinator: boolean;
}

/** Worst first; empty when all is well. */
export function verdict(f: Findings): string[] {
  if (!f.udp && f.sessions === 0) {
    if (!f.coordinator) return ["nothing can be reached: neither the coordinator nor a gate"];
    if (f.gates === 0) return ["the network has no gate, so this machine cannot be seen from outside"];
    return [
      "everything but the coordinator's HTTPS is blocked: no UDP reaches a gate, so this machine reaches no peer; " +
      "open UDP towards the gates",
    ];
  }
  const list: string[] = [];
  if (!f.coordinator) list.push("the coordinator is away");
  if (!f.udp) list.push("no STUN service answers: direct paths over the internet are unlikely");
  else if (isHard(f.ipv4.mapping)) {
    list.push(
      "the NAT gives every destination another port: direct paths need an open peer, IPv6, or a guess (a few seconds)",
    );
  }
  return list;
}
