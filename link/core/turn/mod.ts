/** TURN, RFC 8656: a client for UDP, TCP and TLS, and the framing of streams. */
export { TurnClient } from "./client.ts";
export type { TurnCredentials, TurnCrypto, TurnEvent } from "./event.ts";
export { type RelayAction, type RelayedAddress, RelayEnd, type RelayEvent, type RelayOffer } from "./relay_end.ts";
export { TurnStream } from "./frame.ts";
