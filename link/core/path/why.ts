/** Why a path is no better than it is, in a sentence for people. */
import type { IceState } from "../ice/event.ts";
import type { Rung } from "./event.ts";

/** What is known about one peer. */
export interface PathFacts {
  rung: Rung;
  ice: IceState;
  /** A signal can reach the peer now. */
  reachable: boolean;
  /** This machine has a session with some gate. */
  session: boolean;
  /** How many candidates each end has named. */
  locals: number;
  remotes: number;
  /** This machine's NAT gives every destination another port. */
  hard: boolean;
  /** A guess under way, in words. */
  guess: string | null;
  /** What the peer has said where it would not take part in one: its NAT is of the same kind, or it does not guess. */
  refusal: "hard" | "off" | null;
  /** Why no TURN server gives an address; null while one does or none is needed. */
  relay: string | null;
  /** What keeps a better relay down; null when nothing is known to. */
  relays: string | null;
}

/** Null on a direct path. */
export function whyNotBetter(f: PathFacts): string | null {
  const direct = whyNotDirect(f);
  return direct === null || f.relays === null ? direct : `${direct}; ${f.relays}`;
}

function whyNotDirect(f: PathFacts): string | null {
  if (f.rung === "direct") return null;
  if (f.rung === "none" && f.relay !== null) {
    return `no gate's session leads there, and no TURN server helps: ${f.relay}`;
  }
  if (f.rung === "none" && !f.reachable) return whyNone(f);
  if (f.guess !== null) return `no ordinary check came through; ${f.guess}`;
  if (f.refusal !== null) return whyNoGuess(f.refusal);
  if (f.ice === "checking") return "checks for a direct path are under way";
  if (f.ice === "new") return "the peer has not answered the offer of a direct path yet";
  if (f.locals === 0) return "this machine has no address that a peer could reach";
  if (f.remotes === 0) return "the peer has named no address at which it could be reached";
  if (f.hard) {
    return "this machine's NAT gives every destination another port, and no check came through; tried again later";
  }
  if (f.ice === "disconnected") return "the direct path died; tried again soon";
  return "no check came through the NATs and firewalls between; tried again later";
}

function whyNoGuess(refusal: "hard" | "off"): string {
  const none = "no check came through, and no guess is made";
  return refusal === "hard"
    ? `${none}: both machines' NATs give every destination another port, which takes some 65,000 tries of each`
    : `${none}: the peer guesses no ports (any more)`;
}

/** No path, and no gate that could tell more. An attempt at ICE that is past "new" has been answered, by way of the coordinator. */
function whyNone(f: PathFacts): string {
  const where = f.session
    ? "the peer is at no gate that this machine reaches"
    : "this machine has no session with a gate";
  const answered = f.ice === "checking" || f.ice === "failed";
  if (!answered) return f.session ? `${where}: it is off, or cut off` : `${where}, and the peer does not answer either`;
  return `${where}, no TURN server joins the two, and no check for a direct path came through`;
}
