/** The mailbox: sealed boxes between nodes that have no gate in common yet, and between nodes and gates. They live a minute. */
import { GhostError } from "../wire/errors.ts";
import { commit } from "./commit.ts";
import { keys } from "./keys.ts";

/** How long a box is kept, in milliseconds. */
const MAIL_LIFE = 60_000;
/** Boxes that may wait for one node, and of one sender. */
const MAX_WAITING = 512;
const MAX_FROM_ONE = 64;

/** A box in the store. */
export interface StoredMail {
  from: string;
  box: string;
  /** Milliseconds since 1970; `expireIn` of the store only promises not to be early. */
  expires: number;
}

/**
 * Leaves boxes, all or none; of one sender at most `fromOne` wait.
 * @throws GhostError `too_many` when too many wait
 */
export async function postMail(
  kv: Deno.Kv,
  net: string,
  { from, to, boxes, now, fromOne = MAX_FROM_ONE }: {
    from: string;
    to: string;
    boxes: readonly string[];
    now: number;
    fromOne?: number;
  },
): Promise<void> {
  const room = async () => {
    const waiting = await readMail(kv, net, { to, after: 0, now });
    const mine = waiting.filter(({ mail }) => mail.from === from);
    if (waiting.length + boxes.length > MAX_WAITING || mine.length + boxes.length > fromOne) {
      throw new GhostError("too_many", "Too many messages wait for this node", { mend: "send again in a minute" });
    }
  };
  await room(); // who is refused keeps nobody else waiting
  await commit(kv, net, async () => {
    await room(); // of many posts at once each has found the mailbox as empty as the first
    return {
      items: boxes.map(() => ({ t: "mail", to })),
      write: (op, first) =>
        boxes.forEach((box, i) => {
          const mail: StoredMail = { from, box, expires: now + MAIL_LIFE };
          op.set(keys.mail(net, to, first + i), mail, { expireIn: MAIL_LIFE });
        }),
      result: undefined,
    };
  });
}

/** Boxes for `to` that came after feed sequence `after` and still count, oldest first; `kept` is for how long, in ms. */
export async function readMail(
  kv: Deno.Kv,
  net: string,
  { to, after, now }: { to: string; after: number; now: number },
): Promise<{ seq: number; mail: StoredMail; kept: number }[]> {
  const out: { seq: number; mail: StoredMail; kept: number }[] = [];
  const range = { prefix: keys.mailbox(net, to), start: keys.mail(net, to, after + 1) };
  for await (const entry of kv.list<StoredMail>(range)) {
    const left = entry.value.expires - now;
    if (left <= 0) continue;
    // Another instance's clock may be ahead of this one's.
    out.push({ seq: entry.key.at(-1) as number, mail: entry.value, kept: Math.max(0, MAIL_LIFE - left) });
  }
  return out;
}
