/** What the gate sessions need of the daemon, and how a gate is shown. */
import type { Bytes } from "../../mesh/wire/encoding.ts";
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import type { MeetWord } from "../core/gates/mod.ts";
import type { TicketBook } from "../../mesh/client/mod.ts";
import type { HandlerFault } from "./guarded.ts";

/** What the sessions tell the daemon. */
export interface GatesHost {
  net: string;
  /** False: no sessions at all. */
  quic: boolean;
  selfId: string;
  key: SigningKey;
  /** The home of before, or null. */
  saved: string | null;
  record(): string;
  head(): LedgerHead;
  random(n: number): Bytes;
  now(): number;
  /** Addresses, or names, by which a gate may be reached from here, in the order of wish. */
  ways(gate: VerifiedGate): Promise<string[]>;
  /** A handler of what a gate's session tells has thrown; the session goes on. */
  handlerFailed(gate: string, fault: HandlerFault): void;
  /** Tells round trips to these gates as they come, without a session, and keeps the tickets that they give (gate_probe.ts). */
  measure(
    gates: VerifiedGate[],
    measured: (gate: string, rttMs: number | null) => void,
    tickets: TicketBook,
  ): Promise<void>;
  /** Gates where a peer says that it can be found, best first. */
  homesOf(node: string): readonly string[];
  /** A session came up or ended; `reason` says why it ended or could not be made, `failed`: nobody here wanted that. */
  session(gate: string, o: { up: boolean; reason: string | null; failed: boolean }): void;
  /** Home and standby are others than before. */
  home(gates: string[]): void;
  /** A gate that did not answer for a moment is heard again: the NAT on the way may have started anew. */
  interrupted(): void;
  signal(from: string, box: string): void;
  presence(gate: string, node: string, up: boolean): void;
  /** A peer is met at another gate from now on. */
  met(node: string): void;
  /** Tells a peer about the gates, sealed. */
  tellPeer(node: string, word: MeetWord): void;
  packet(from: string, packet: Uint8Array): void;
  headSeen(gate: string, head: LedgerHead): void;
  ledger(gate: string, message: LedgerMessage): void | Promise<void>;
  /** Credentials of a gate's TURN service. */
  turn(gate: string, credentials: TurnGrantedCredentials): void;
  /** A gate's word about a path to `node`. */
  about(gate: string, node: string, message: FromGate): void;
}

/** A gate as it is shown. */
export interface GateRow {
  gate: VerifiedGate;
  connected: boolean;
  /** It has said that it gives lanes. */
  lanes: boolean;
  rttMs: number | null;
  use: "home" | "standby" | "session" | "none";
}

const USES = ["home", "standby", "session", "none"];

/** An order of gates: the home first, then by how they are used, then the nearest. */
export function byUse(a: GateRow, b: GateRow): number {
  return USES.indexOf(a.use) - USES.indexOf(b.use) || (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity) ||
    (a.gate.id < b.gate.id ? -1 : 1);
}
