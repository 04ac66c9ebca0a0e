/** What peers and this node say to each other: who carries a sealed message, and what each message brings about. */
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { Log } from "../../mesh/host/log.ts";
import { MAX_BOXES } from "../../mesh/wire/api.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { Signal, SignalBody } from "../../mesh/wire/signal.ts";
import type { Gates } from "./gates.ts";
import type { Heads } from "./heads.ts";
import type { Change, NetworkView } from "./network_view.ts";

/** What a conversation needs of the daemon. */
export interface ConversationHost {
  view: NetworkView;
  gates: Gates;
  heads: Heads;
  mesh: MeshClient;
  log: Log;
  meshUp(): boolean;
  /** Seals and sends. */
  send(to: string, body: SignalBody): void;
  changed(change: Change): void;
  keySeen(from: string, wg: string): void;
  /** A message about paths, with its number. */
  path(from: string, body: SignalBody, n: number): void;
}

/**
 * A message of WireGuard's handshake that lay in the mailbox for longer is void, in ms: it waited for a daemon that was away, and
 * whoever sent it has begun anew since. WireGuard would take an old initiation for the newest and give up its own for it.
 */
const FRESH = 1_000;

/** Carries boxes and acts on signals. */
export class Conversation {
  readonly #o: ConversationHost;
  /** Boxes for each peer to whom something is being mailed. */
  readonly #mailing = new Map<string, string[]>();

  constructor(o: ConversationHost) {
    this.#o = o;
  }

  /** Hands a box to the gate that both ends have a session with, else to the coordinator's mailbox. */
  deliver(to: string, box: string): void {
    const session = this.#o.gates.towards(to);
    if (session) session.send({ t: "signal", to, box });
    else if (this.#o.meshUp()) void this.#mail(to, box);
  }

  /**
   * What comes while something is under way to the same peer follows together, in its order, and over the connection that is there: a
   * new one would take three round trips more.
   */
  async #mail(to: string, box: string): Promise<void> {
    const waiting = this.#mailing.get(to);
    if (waiting) {
      if (waiting.length >= MAX_BOXES) waiting.shift(); // what matters is said again
      return void waiting.push(box);
    }
    const boxes = [box];
    this.#mailing.set(to, boxes);
    while (boxes.length > 0) {
      await this.#o.mesh.mail(to, boxes.splice(0)).catch((error) => {
        this.#o.log.debug("Mail was not taken", { why: errorLine(error) });
      });
    }
    this.#mailing.delete(to);
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
