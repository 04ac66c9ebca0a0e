/** The path to one peer: which rung carries its packets, and moving between rungs without losing any. */
export type { PathAction, PathEvent, SelectedPair } from "./event.ts";
export { Path } from "./path.ts";
export { Traffic } from "./traffic.ts";
export { type Counters, TunnelWatch } from "./tunnel_watch.ts";
