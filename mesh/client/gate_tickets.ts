/** A node's or an admin's side of proving its address to a gate (mesh/wire/gate_ticket.ts). */
import { decodeTicketAnswer, encodeTicketRequest } from "../wire/gate_ticket.ts";
import type { Bytes } from "../wire/encoding.ts";

/** Waits for an answer, in ms: the request is sent again with the same transaction id (RFC 8489 section 6.2.1). */
const WAITS = [200, 300, 500, 1_000];
/** A ticket holds for so long at least, in ms. */
const HOLDS = 3_600_000;
/** Of more gates the one whose ticket came first is forgotten. */
const MAX_KEPT = 256;
const ANSWER_ROOM = 256;

/** Where tickets are asked for. */
export interface TicketService {
  /** An address, or a name. */
  host: string;
  /** Its STUN service's. */
  port: number;
  /** Its QUIC port, asked side by side: a gate that can lead STUN away from QUIC answers there as well. */
  quic?: number;
}

/** The tickets that this machine has, until it sends from another address. */
export class TicketBook {
  readonly #kept = new Map<string, { ticket: Uint8Array; until: number }>();

  /** @param now any clock in ms that goes on steadily */
  get(from: TicketService, now: number): Uint8Array | null {
    const kept = this.#kept.get(placeOf(from));
    return kept && now < kept.until ? kept.ticket : null;
  }

  keep(from: TicketService, ticket: Uint8Array, now: number): void {
    this.#kept.delete(placeOf(from));
    this.#kept.set(placeOf(from), { ticket, until: now + HOLDS });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
  }

  forget(from: TicketService): void {
    this.#kept.delete(placeOf(from));
  }

  /** This machine may have another address now. */
  clear(): void {
    this.#kept.clear();
  }
}

const placeOf = ({ host, port }: TicketService) => `${host} ${port}`;

/**
 * Asks for a ticket from a socket of its own.
 * @returns null when there is no answer; `port`: the socket's own, free again: a NAT that has several public addresses uses the same
 *   one for what leaves from there next
 */
export async function askTicket(
  service: TicketService,
  o: { random(n: number): Bytes; signal: AbortSignal },
): Promise<{ ticket: Uint8Array; port: number } | null> {
  let socket: Deno.DatagramConn;
  try {
    socket = Deno.listenDatagram({
      transport: "udp",
      hostname: service.host.includes(":") ? "::" : "0.0.0.0",
      port: 0,
    });
  } catch {
    return null; // this machine has no such IP, or no socket is left
  }
  const transaction = o.random(12);
  const request = encodeTicketRequest(transaction);
  const done = Promise.withResolvers<Uint8Array | null>();
  const giveUp = () => done.resolve(null);
  if (o.signal.aborted) giveUp();
  o.signal.addEventListener("abort", giveUp);
  const reading = answers(socket, (bytes) => {
    const ticket = decodeTicketAnswer(bytes, transaction);
    if (ticket) done.resolve(ticket);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = (sent: number) => {
    const wait = WAITS[sent];
    if (wait === undefined) return giveUp();
    for (const port of service.quic === undefined ? [service.port] : [service.port, service.quic]) {
      socket.send(request, { transport: "udp", hostname: service.host, port })
        .catch(() => {}); // no route, or the socket is closed by now: as good as no answer
    }
    timer = setTimeout(() => send(sent + 1), wait);
  };
  send(0);
  const ticket = await done.promise;
  clearTimeout(timer);
  o.signal.removeEventListener("abort", giveUp);
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  await reading;
  return ticket && { ticket, port };
}

/** Hands on what comes until the socket is closed. */
async function answers(socket: Deno.DatagramConn, take: (bytes: Uint8Array) => void): Promise<void> {
  while (true) {
    try {
      const [bytes] = await socket.receive(new Uint8Array(ANSWER_ROOM));
      take(bytes);
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
      // Else an ICMP error for an earlier request.
    }
  }
}
