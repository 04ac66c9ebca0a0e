/** One lane as the core sees it. */
import type { LaneEnd } from "../../../mesh/wire/gate_session.ts";
import { Bucket } from "../bucket.ts";

export type Family = 4 | 6;

/** Where a lane's packets come from and go to at one end. */
export interface LaneAddress {
  /** Canonical text. */
  address: string;
  port: number;
  /** The gate's own address that this end uses; null when the host cannot tell. */
  local: string | null;
}

/** An address that an end has proved. */
interface Proved extends LaneAddress {
  /** When it was proved last. */
  at: number;
}

/** One end. */
export interface End {
  node: string;
  /** 32 bytes that only this end and the gate know. */
  token: Uint8Array;
  proved: Partial<Record<Family, Proved>>;
  /** Grows with every change of address: a nonce is good for one address only as long as that is the newest. */
  epochs: Record<Family, number>;
  /** Since when it has no session here; null while it has one. */
  awaySince: number | null;
}

/** What the host forwards: the addresses of both ends, in one family or in two. */
export type LanePath = readonly [LaneAddress, LaneAddress];

export class Lane {
  readonly net: string;
  readonly port: number;
  readonly ends: readonly [End, End];
  readonly openedAt: number;
  readonly moves: Bucket;
  path: LanePath | null = null;
  /** When data crossed last; the keepalives of an idle tunnel are none. */
  usedAt: number;

  constructor(
    o: { net: string; port: number; nodes: readonly [string, string]; tokens: [Uint8Array, Uint8Array] },
    now: number,
  ) {
    this.net = o.net;
    this.port = o.port;
    const end = (e: LaneEnd): End => ({
      node: o.nodes[e],
      token: o.tokens[e],
      proved: {},
      epochs: { 4: 0, 6: 0 },
      awaySince: null,
    });
    this.ends = [end(0), end(1)];
    this.openedAt = this.usedAt = now;
    this.moves = new Bucket({ rate: 1, burst: 10 }, now);
  }

  /** The end of a node, which is one of the two. */
  endOf(node: string): LaneEnd {
    return this.ends[0].node === node ? 0 : 1;
  }

  /** Forgets addresses that were proved before `since`. */
  forget(since: number): void {
    for (const { proved } of this.ends) {
      for (const family of [4, 6] as const) if ((proved[family]?.at ?? since) < since) delete proved[family];
    }
  }

  /** The best path that the proved addresses allow: one family if there is one that both ends have; null without any. */
  bestPath(): LanePath | null {
    const [a, b] = [this.ends[0].proved, this.ends[1].proved];
    for (const family of [4, 6] as const) {
      const [x, y] = [a[family], b[family]];
      if (x && y) return [addressOf(x), addressOf(y)];
    }
    const [x, y] = [a[4] ?? a[6], b[4] ?? b[6]];
    return x && y ? [addressOf(x), addressOf(y)] : null;
  }
}

function addressOf({ address, port, local }: Proved): LaneAddress {
  return { address, port, local };
}

export function samePath(a: LanePath | null, b: LanePath | null): boolean {
  if (a === null || b === null) return a === b;
  return [0, 1].every((i) => {
    const [x, y] = [a[i]!, b[i]!];
    return x.address === y.address && x.port === y.port && x.local === y.local;
  });
}
