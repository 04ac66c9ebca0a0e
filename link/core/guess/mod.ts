export { SOCKETS } from "./limits.ts";
export { Opener } from "./opener.ts";
export { type PortRow, predict } from "./ports.ts";
export { Prober } from "./prober.ts";
export { goesFirst, GuessTalk, type Say } from "./talk.ts";
export { Turns } from "./turns.ts";
