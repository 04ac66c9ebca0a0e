/**
 * WireGuard through a TURN server without GhostMesh, for `bench paths`: what WireGuard sends to a port of the loopback goes to the server
 * as channel data, and back; nothing else. Its order is on standard input. Tells the relayed address that it has.
 */
import { TurnClient } from "../../link/core/turn/mod.ts";
import { turnCrypto } from "../../link/host/turn_crypto.ts";
import { openTurnPipe } from "../../link/host/turn_pipe.ts";
import { waitFor } from "../lab/process.ts";
import { readOrder, say } from "./load_node.ts";

/** An address at the server. */
export interface Relayed {
  address: string;
  port: number;
}

/** What the bench wants. */
export interface BridgeOrder {
  host: string;
  port: number;
  username: string;
  password: string;
  /** Ports of the loopback: where WireGuard sends to, and where it listens. */
  local: number;
  wireguard: number;
  /** The file in which the other bridge's relayed address will be found. */
  peer: string;
}

const order = await readOrder<BridgeOrder>();
const { username, password } = order;
const client = new TurnClient({ crypto: turnCrypto, credentials: { username, password }, stream: false });
const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: order.local });
const wireguard: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: order.wireguard };
const pipe = await openTurnPipe({ transport: "udp", host: order.host, port: order.port }, {
  message: (bytes) => act(client.handle({ kind: "message", bytes }, Date.now())),
  closed: (reason) => {
    throw new Error(reason);
  },
});

function act(actions: ReturnType<TurnClient["handle"]>): void {
  for (const action of actions) {
    if (action.kind === "send") pipe.send(action.bytes);
    else if (action.kind === "data") void socket.send(action.bytes, wireguard).catch(() => {});
    else if (action.kind === "allocated") say({ t: "allocated", ...action.relayed });
    else if (action.kind === "ended" || action.kind === "denied") throw new Error(JSON.stringify(action));
  }
}

act(client.handle({ kind: "start" }, Date.now()));
setInterval(() => act(client.handle({ kind: "tick" }, Date.now())), 50);
const peer: Relayed = await waitFor("the other bridge", async () => JSON.parse(await Deno.readTextFile(order.peer)));
act(client.handle({ kind: "permit", peer }, Date.now()));
for await (const [bytes] of socket) {
  const message = client.wrap(peer, bytes);
  if (message) pipe.send(message);
}
