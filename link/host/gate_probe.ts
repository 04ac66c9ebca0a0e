/** How far away gates are, without a session: one question each to their STUN services, from a socket that is closed again. */
import ipaddr from "ipaddr.js";
import {
  familyOf,
  field,
  NO_TICKET,
  type StunCrypto,
  TICKET,
  type TransportAddress,
} from "../../mesh/wire/stun/mod.ts";
import type { TicketBook } from "../../mesh/client/mod.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { StunAsker } from "./stun_ask.ts";

/** Addresses of one gate that are asked. */
const MAX_ADDRESSES = 4;

/**
 * Tells each round trip in ms as it comes, of each of a gate's addresses; null once for a gate without an answer.
 * @param o.known STUN services whose names have been resolved
 */
export async function probeGates(
  gates: readonly VerifiedGate[],
  o: {
    known: readonly { gate: string; server: TransportAddress }[];
    crypto: StunCrypto;
    /** Takes the tickets that they give. */
    tickets: TicketBook;
    measured(gate: string, rttMs: number | null): void;
  },
): Promise<void> {
  const targets = gates.flatMap(({ id, record }) => {
    const own = record.hosts.filter((host) => ipaddr.isValid(host));
    const found = o.known.filter(({ gate }) => gate === id).map(({ server }) => server.address);
    return [...new Set([...own, ...found])].slice(0, MAX_ADDRESSES)
      .map((address) => ({ id, server: { address, port: record.stun } }));
  });
  const silent = new Set(targets.map(({ id }) => id));
  await Promise.all(([4, 6] as const).map(async (family) => {
    const mine = targets.filter(({ server }) => familyOf(server.address) === family);
    if (mine.length === 0) return;
    using asker = new StunAsker({ crypto: o.crypto, family });
    await Promise.all(mine.map(async ({ id, server }) => {
      const seen = await asker.ask(server, [field(TICKET, NO_TICKET)]);
      if (!seen) return;
      const { address: host, port } = server;
      if (seen.ticket) o.tickets.keep({ host, port }, seen.ticket, performance.now());
      silent.delete(id);
      o.measured(id, seen.rttMs);
    }));
  }));
  for (const id of silent) o.measured(id, null);
}
