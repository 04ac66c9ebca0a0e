/** One allocation at one TURN server: the pure client (core/turn), the way to the server, and the client's timer. */
import { errorLine } from "../../mesh/wire/errors.ts";
import type { TransportAddress } from "../../mesh/wire/stun/mod.ts";
import { TurnClient, type TurnCredentials, type TurnEvent } from "../core/turn/mod.ts";
import { turnCrypto } from "./turn_crypto.ts";
import { openTurnPipe, type TurnPipe, type TurnServer } from "./turn_pipe.ts";

/** What its owner hears; `ended` comes once, and then nothing more. */
export interface TurnConnectionEvents {
  allocated(relayed: TransportAddress): void;
  permitted(peer: TransportAddress): void;
  denied(peer: TransportAddress, reason: string): void;
  packet(peer: TransportAddress, bytes: Uint8Array): void;
  ended(reason: string): void;
}

export class TurnConnection {
  readonly server: TurnServer;
  readonly #client: TurnClient;
  readonly #events: TurnConnectionEvents;
  readonly #now: () => number;
  #pipe: TurnPipe | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(
    o: { server: TurnServer; credentials: TurnCredentials; family?: 4 | 6; now(): number },
    events: TurnConnectionEvents,
  ) {
    this.server = o.server;
    this.#events = events;
    this.#now = o.now;
    this.#client = new TurnClient({
      crypto: turnCrypto,
      credentials: o.credentials,
      stream: o.server.transport !== "udp",
      ...(o.family === undefined ? {} : { family: o.family }),
    });
  }

  /** Connects and allocates; how that goes is told by events. */
  async start(): Promise<void> {
    try {
      const pipe = await openTurnPipe(this.server, {
        message: (bytes) => this.#do({ kind: "message", bytes }),
        closed: (reason) => this.#end(reason),
      });
      if (this.#over) return pipe.close();
      this.#pipe = pipe;
      this.#do({ kind: "start" });
    } catch (error) {
      this.#end(errorLine(error));
    }
  }

  permit(peer: TransportAddress): void {
    this.#do({ kind: "permit", peer });
  }

  forget(peer: TransportAddress): void {
    this.#do({ kind: "forget", peer });
  }

  /** Sends a packet; false while the server would not pass it on. */
  send(to: TransportAddress, packet: Uint8Array): boolean {
    const bytes = this.#client.wrap(to, packet);
    if (bytes === null || this.#pipe === null) return false;
    this.#pipe.send(bytes);
    return true;
  }

  /** Asks the server whether it still holds the allocation; if not, `ended` is told. */
  probe(): void {
    this.#do({ kind: "probe" });
  }

  /** Gives the allocation back; `ended` is told. */
  close(): void {
    this.#do({ kind: "stop" });
    this.#end("stopped");
  }

  #do(event: TurnEvent): void {
    if (this.#over) return;
    for (const action of this.#client.handle(event, this.#now())) {
      switch (action.kind) {
        case "send":
          this.#pipe?.send(action.bytes);
          break;
        case "allocated":
          this.#events.allocated(action.relayed);
          break;
        case "permitted":
          this.#events.permitted(action.peer);
          break;
        case "denied":
          this.#events.denied(action.peer, `${action.code} ${action.reason}`);
          break;
        case "data":
          this.#events.packet(action.peer, action.bytes);
          break;
        case "ended":
          this.#end(action.text);
      }
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const at = this.#over ? null : this.#client.nextDeadline();
    if (at === null) return;
    this.#timer = setTimeout(() => this.#do({ kind: "tick" }), Math.max(5, at - this.#now()));
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#pipe?.close();
    this.#events.ended(reason);
  }
}
