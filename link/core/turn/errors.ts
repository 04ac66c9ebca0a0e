/** What the server's refusals mean for the client (RFC 8656 section 19, RFC 8489 section 14.8). */
import { ALTERNATE_SERVER, read, type StunMessage, type TransportAddress } from "../../../mesh/wire/stun/mod.ts";
import type { TurnEnd } from "./event.ts";

const MEANING: Readonly<Record<number, TurnEnd>> = {
  300: "alternate",
  401: "unauthorized",
  441: "unauthorized",
  486: "full",
  508: "full",
};

/** The end that an error means; 437 is told apart by whether there was an allocation. */
export function endOf(code: number, { allocated }: { allocated: boolean }): TurnEnd {
  if (code === 437) return allocated ? "lost" : "mismatch";
  return MEANING[code] ?? "refused";
}

/** Where a 300 sends its clients (RFC 8489 section 10). @throws GhostError `bad_input` */
export function alternateServer(message: StunMessage): TransportAddress | undefined {
  const server = read(message, ALTERNATE_SERVER);
  return server && server.port > 0 ? server : undefined;
}
