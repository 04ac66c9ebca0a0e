/** TURN, RFC 8656: a client for UDP, TCP and TLS, and the framing of streams. */
export { TurnClient, type TurnClientOptions } from "./client.ts";
export type { TurnAction, TurnCredentials, TurnCrypto, TurnEnd, TurnEvent } from "./event.ts";
export { type RelayAction, type RelayedAddress, RelayEnd, type RelayEvent, type RelayOffer } from "./relay_end.ts";
export { decodeChannelData, encodeChannelData, MAX_FRAME, TurnStream } from "./frame.ts";
