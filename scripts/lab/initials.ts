/** First packets of QUIC (RFC 9000 section 17.2.2), as somebody makes them who wants a server to answer somebody else. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

/** RFC 9001 section 5.2: version 1. */
const SALT = Uint8Array.fromHex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
/** A PING frame and padding. */
const PING = Uint8Array.of(1, 0, 0, 0);
const [NUMBER_LENGTH, TAG_LENGTH] = [4, 16];
/** Bytes before the packet number, without the ids: first byte, version, the ids' lengths, the token's, and the length of the rest. */
const HEAD = 10;

/** Datagrams with which clients ask for `serverName`, each whole and rightly sealed; they are sent to nobody but ourselves. */
export async function makeInitials(
  count: number,
  o: { alpn: string; serverName: string },
): Promise<Uint8Array<ArrayBuffer>[]> {
  const trap = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const { port } = trap.addr as Deno.NetAddr;
  const options = { hostname: "127.0.0.1", port, serverName: o.serverName, alpnProtocols: [o.alpn], endpoint };
  const made = new Map<string, Uint8Array<ArrayBuffer>>();
  try {
    while (made.size < count) {
      Promise.resolve(Deno.connectQuic(options)).catch(() => {});
      const [bytes] = await trap.receive();
      made.set(bytes.subarray(6, 6 + bytes[5]!).toHex(), bytes.slice()); // one that is sent again has the same id
    }
    return [...made.values()];
  } finally {
    endpoint.close({ closeCode: 0, reason: "" });
    trap.close();
  }
}

const hmac = (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac("sha256", key).update(data).digest());

/** HKDF-Expand-Label (RFC 8446 section 7.1) of one block. */
function expand(secret: Uint8Array, label: string, length: number): Uint8Array {
  const name = new TextEncoder().encode(`tls13 ${label}`);
  return hmac(secret, Uint8Array.from([0, length, name.length, ...name, 0, 1])).subarray(0, length);
}

/** RFC 9001 section 5.2: what seals a client's first packets follows from the id that it chose for the server. */
function keysOf(id: Uint8Array) {
  const secret = expand(hmac(SALT, id), "client in", 32);
  const iv = expand(secret, "quic iv", 12);
  return {
    key: expand(secret, "quic key", 16),
    nonce: (number: number) => iv.map((byte, i) => i === 11 ? byte ^ number : byte),
    /** RFC 9001 section 5.4.3: five bytes that hide the packet number, and what says how long it is. */
    mask: (sample: Uint8Array) => createCipheriv("aes-128-ecb", expand(secret, "quic hp", 16), null).update(sample),
  };
}

interface Initial {
  /** Ids of server and client. */
  to: Uint8Array;
  from: Uint8Array;
  /** Below 256. */
  number: number;
  payload: Uint8Array;
}

function seal({ to, from, number, payload }: Initial): Uint8Array<ArrayBuffer> {
  const keys = keysOf(to);
  const length = NUMBER_LENGTH + payload.length + TAG_LENGTH;
  const ids = [to.length, ...to, from.length, ...from];
  const header = Uint8Array.from([0xc3, 0, 0, 0, 1, ...ids, 0, 0x40 | length >> 8, length & 0xff, 0, 0, 0, number]);
  const cipher = createCipheriv("aes-128-gcm", keys.key, keys.nonce(number)).setAAD(header);
  const out = new Uint8Array(header.length + payload.length + TAG_LENGTH);
  out.set(header);
  out.set(cipher.update(payload), header.length);
  cipher.final();
  out.set(cipher.getAuthTag(), header.length + payload.length);
  const at = header.length - NUMBER_LENGTH;
  const mask = keys.mask(out.subarray(header.length, header.length + 16));
  out[0]! ^= mask[0]! & 0x0f;
  for (let i = 0; i < NUMBER_LENGTH; i++) out[at + i]! ^= mask[1 + i]!;
  return out;
}

/** Opens a client's first packet: version 1, without a token, its length in two bytes. */
function open(bytes: Uint8Array): Initial {
  const own = 6 + bytes[5]!;
  const [to, from] = [bytes.subarray(6, own), bytes.subarray(own + 1, own + 1 + bytes[own]!)];
  const keys = keysOf(to);
  const at = own + 1 + from.length + 3;
  const end = at + ((bytes[at - 2]! & 0x3f) << 8 | bytes[at - 1]!);
  const mask = keys.mask(bytes.subarray(at + 4, at + 20));
  const size = ((bytes[0]! ^ mask[0]! & 0x0f) & 3) + 1;
  const header = bytes.slice(0, at + size);
  header[0]! ^= mask[0]! & 0x0f;
  for (let i = 0; i < size; i++) header[at + i]! ^= mask[1 + i]!;
  const number = header.at(-1)!;
  const cipher = createDecipheriv("aes-128-gcm", keys.key, keys.nonce(number)).setAAD(header);
  cipher.setAuthTag(bytes.subarray(end - TAG_LENGTH, end));
  const payload = cipher.update(bytes.subarray(at + size, end - TAG_LENGTH));
  cipher.final();
  return { to, from, number, payload };
}

/** The same hello in another connection. */
export function another(initial: Uint8Array): Uint8Array<ArrayBuffer> {
  const { from, number, payload } = open(initial);
  const to = randomBytes(8);
  const size = initial.length - HEAD - to.length - from.length - NUMBER_LENGTH - TAG_LENGTH;
  return seal({ to, from, number, payload: Uint8Array.from({ length: size }, (_, i) => payload[i] ?? 0) });
}

/** Another packet of the connection that `initial` begins, as small as it can be: anybody can make it who chose the ids. */
export function followUp(initial: Uint8Array, number: number): Uint8Array<ArrayBuffer> {
  const { to, from } = open(initial);
  return seal({ to, from, number, payload: PING });
}
