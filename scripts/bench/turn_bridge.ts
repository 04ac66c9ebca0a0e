/**
 * WireGuard through a TURN server without GhostMesh, for `bench paths`: what WireGuard sends to a port of the loopback goes to the server
 * as channel data, and back; nothing else. Its order is on standard input. Tells the relayed address that it has.
 */
import { TurnClient } from "../../link/core/turn/mod.ts";
import { turnCrypto } from "../../link/host/turn_crypto.ts";
import { openTurnPipe } from "../../link/host/turn_pipe.ts";
import { readOrder, say } from "./load_node.ts";

/** What the bench wants. */
export interface BridgeOrder {
  host: string;
  port: number;
  username: string;
  password: string;
  /** Ports of the loopback: where WireGuard sends to, and where it listens. */
  local: number;
  wireguard: number;
  /** The other bridge's relayed address; null waits for its first packet. */
  peer: { address: string; port: number } | null;
}

const order = await readOrder<BridgeOrder>();
const { username, password } = order;
const client = new TurnClient({ crypto: turnCrypto, credentials: { username, password }, stream: false });
const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: order.local });
const wireguard: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: order.wireguard };
let peer = order.peer;
const pipe = await openTurnPipe({ transport: "udp", host: order.host, port: order.port }, {
  message: (bytes) => act(client.handle({ kind: "message", bytes }, Date.now())),
  closed: (reason) => {
    throw new Error(reason);
  },
});

function act(actions: ReturnType<TurnClient["handle"]>): void {
  for (const action of actions) {
    if (action.kind === "send") pipe.send(action.bytes);
    else if (action.kind === "data") {
      if (!peer) permit(action.peer);
      void socket.send(action.bytes, wireguard).catch(() => {});
    } else if (action.kind === "allocated") {
      // Permissions are by address alone: the other bridge is on the same one, whatever its port.
      if (peer) permit(peer);
      else act(client.handle({ kind: "permit", peer: { address: action.relayed.address, port: 9 } }, Date.now()));
      say({ t: "allocated", ...action.relayed });
    } else if (action.kind === "ended" || action.kind === "denied") throw new Error(JSON.stringify(action));
  }
}

function permit(other: { address: string; port: number }): void {
  peer = other;
  act(client.handle({ kind: "permit", peer: other }, Date.now()));
}

act(client.handle({ kind: "start" }, Date.now()));
setInterval(() => act(client.handle({ kind: "tick" }, Date.now())), 50);
for await (const [bytes] of socket) {
  const message = peer && client.wrap(peer, bytes);
  if (message) pipe.send(message);
}
