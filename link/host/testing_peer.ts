/** A peer of the real class, for tests, with sockets of loopback around it and no daemon. */
import { createLog } from "../../mesh/host/log.ts";
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { stunCrypto } from "./crypto.ts";
import { Gates } from "./gates.ts";
import { GuessDesk } from "./guess.ts";
import { IceHub } from "./ice_hub.ts";
import { Peer } from "./peer.ts";
import type { PeerHost } from "./peer_host.ts";
import { random } from "./random.ts";
import type { Transport } from "./transport.ts";
import { TurnDesk } from "./turn_desk.ts";

export const LOOPBACK = { transport: "udp" as const, hostname: "127.0.0.1" };
export const open = () => Deno.listenDatagram({ ...LOOPBACK, port: 0 });
export const portOf = (socket: Deno.DatagramConn) => (socket.addr as Deno.NetAddr).port;

/** One machine: a peer of the real class, and a socket in the place of its WireGuard. */
export async function machine(
  [selfId, peerId]: [string, string],
  transports: Transport[],
  { changed = () => Promise.resolve(), signal = () => {}, now = () => Date.now() }: Partial<
    Pick<PeerHost, "changed" | "signal" | "now">
  > = {},
) {
  const wireguard = open();
  const log = createLog("test", { write: () => {} });
  const hub = new IceHub({ log, crypto: stunCrypto, clock: now });
  const gates = new Gates({
    net: "n".repeat(32),
    quic: true,
    turn: () => {},
    selfId,
    saved: null,
    measure: () => Promise.resolve(),
    ways: ({ record }) => Promise.resolve(record.hosts),
    handlerFailed: (_gate, { error }) => {
      throw error;
    },
    homesOf: () => [],
    home: () => {},
    met: () => {},
    tellPeer: () => {},
    key: await signingKeyFromSeed(random(32)),
    record: () => "",
    head: () => ({ seq: 1, hash: "A".repeat(43) }),
    random,
    now,
    session: () => {},
    signal: () => {},
    presence: () => {},
    packet: () => {},
    headSeen: () => {},
    ledger: () => {},
    about: () => {},
    interrupted: () => {},
  });
  const turn = new TurnDesk({
    enabled: false,
    first: false,
    choices: () => Promise.resolve([]),
    refused: () => {},
    log,
    now,
  });
  const peer = new Peer(peerId, {
    selfId,
    hub,
    direct: true,
    turn,
    peerGates: () => [],
    guesses: new GuessDesk({ enabled: () => false, hardness: () => "easy", server: () => null, seen: () => {} }),
    crypto: stunCrypto,
    mtu: 1280,
    tieBreaker: 1n,
    accept: () => true,
    wgPort: () => portOf(wireguard),
    signal,
    gates,
    transports,
    changed,
    moved: () => {},
    doubted: () => {},
    rearm: () => {},
    log,
    now,
  });
  peer.packets.configured();
  return {
    peer,
    hub,
    /** WireGuard sends to its peer. */
    send: (packet: Uint8Array) => wireguard.send(packet, { ...LOOPBACK, port: peer.wanted().endpoint.port }),
    /** WireGuard's next packet. */
    receive: async () => (await wireguard.receive())[0],
    [Symbol.dispose]: () => {
      peer.close();
      gates.close();
      hub.close();
      wireguard.close();
    },
  };
}
