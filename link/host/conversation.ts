/** What peers and this node say to each other: who carries a sealed message, and what each message brings about. */
import type { Signal, SignalBody } from "../../mesh/wire/signal.ts";
import { FRESH } from "../core/handshake/post.ts";
import type { Gates } from "./gates.ts";
import type { Heads } from "./heads.ts";
import type { Change, NetworkView } from "./network_view.ts";
import type { Outbox } from "./outbox.ts";

/** What a conversation needs of the daemon. */
export interface ConversationHost {
  view: NetworkView;
  gates: Gates;
  heads: Heads;
  outbox: Outbox;
  meshUp(): boolean;
  /** Seals and sends. */
  send(to: string, body: SignalBody): void;
  changed(change: Change): void;
  keySeen(from: string, wg: string): void;
  /** A message about paths, with its number. */
  path(from: string, body: SignalBody, n: number): void;
}

/** Carries boxes and acts on signals. */
export class Conversation {
  readonly #o: ConversationHost;

  constructor(o: ConversationHost) {
    this.#o = o;
  }

  /** Hands a box to the gate that both ends have a session with, else to the coordinator's mailbox. `kind` is what it holds. */
  deliver(to: string, box: string, kind: SignalBody["t"]): void {
    const session = this.#o.gates.towards(to);
    if (session) session.send({ t: "signal", to, box });
    else if (this.#o.meshUp()) this.#o.outbox.mail(to, box, { handshake: kind === "wireguard" });
  }

  /**
   * Acts on a signal whose seal held, and that its carrier kept for so many ms.
   * @throws GhostError when what it brought does not verify
   */
  async received(from: string, { n, head, body }: Signal, kept: number): Promise<void> {
    const { view, heads, send, changed } = this.#o;
    heads.peerHead(from, head);
    switch (body.t) {
      case "record":
      case "key-switched":
        return changed((await view.node(body.record, { by: from })).change);
      case "entries":
      case "want":
      case "piece":
        return await heads.fromPeer(from, body);
      case "key-seen":
        return this.#o.keySeen(from, body.wg);
      case "meet":
        return this.#o.gates.heard(from, body);
      case "echo":
        return send(from, { t: "echo-reply", n: body.n });
      case "echo-reply":
        return;
      case "wireguard":
        if (kept > FRESH) return;
        return this.#o.path(from, body, n);
      default:
        return this.#o.path(from, body, n);
    }
  }
}
