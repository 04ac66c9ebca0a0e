/** ICE, RFC 8445: finds the addresses over which two nodes reach each other directly. */
export { IceAgent, type IceAgentOptions, type IceSnapshot } from "./agent.ts";
export { receiverOf } from "./check.ts";
export type { IceAction, IceEvent, IceState, SelectedPair } from "./event.ts";
export { ICE_TIMING, type IceTiming } from "./timing.ts";
