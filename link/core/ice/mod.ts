/** ICE, RFC 8445: finds the addresses over which two nodes reach each other directly. */
export { IceAgent, type IceSnapshot } from "./agent.ts";
export { receiverOf } from "./check.ts";
export type { IceAction, IceState, SelectedPair } from "./event.ts";
export type { IceTiming } from "./timing.ts";
