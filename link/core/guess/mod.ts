export { GUESS_AFTER, MAX_GUESSES, SOCKETS } from "./limits.ts";
export { Opener } from "./opener.ts";
export { type PortRow, predict } from "./ports.ts";
export { Prober } from "./prober.ts";
