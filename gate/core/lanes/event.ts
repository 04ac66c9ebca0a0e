/** The vocabulary of lanes: what they ask of the host, and what they need of the rest of the core. */
import type { FromGate } from "../../../mesh/wire/gate_session.ts";
import type { Hmac } from "../../../mesh/wire/lane.ts";
import type { LaneAddress, LanePath } from "./lane.ts";
import type { LaneLimits } from "./limits.ts";
import type { PortRange } from "./ports.ts";

export type LaneAction =
  /** A lane begins: take its port. The host answers `lane-failed` if it cannot. */
  | { t: "lane-open"; port: number }
  /** Pass packets between these addresses, and no others that were named before. */
  | { t: "lane-path"; port: number; path: LanePath; nodes: readonly [string, string] }
  | { t: "lane-close"; port: number }
  /** Send control STUN from the lane's port. */
  | { t: "lane-answer"; port: number; bytes: Uint8Array; to: LaneAddress };

/** What the lanes ask of the rest of the core. */
export interface LaneHost {
  /** Tells a node; without a session it is not told. */
  tell(net: string, node: string, message: FromGate): void;
  isLive(net: string, node: string): boolean;
  act(action: LaneAction): void;
  wakeBy(at: number): void;
}

export interface LaneOptions {
  /** Null: this gate has none. */
  ports: PortRange | null;
  limits?: Partial<LaneLimits>;
  hmac: Hmac;
  random(n: number): Uint8Array;
  /** Whether an address may be an end (addresses.ts). */
  accept(address: string): boolean;
}
