/** `ghostctl ping PEER`: one request a ping, so that each answer shows when it comes. */
import type { localPingAnswer } from "../../mesh/wire/local.ts";
import type { z } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { milliseconds, printable } from "../output/text.ts";

type Answer = z.infer<typeof localPingAnswer>;

const LIKE = { name: "", address: "", replies: [{ seq: 0, rttMs: 0, rung: "", endpoint: "", why: "" }] };
const NOTHING = { rttMs: null, rung: "none", endpoint: null, why: null } as const;
const INTERVAL = 1000;

export async function run(call: Call): Promise<number> {
  const { out, args: [peer] } = call;
  const count = call.count("count", { min: 1, max: 1000, otherwise: 4 });
  const replies: Answer["replies"] = [];
  let target: Answer | undefined;
  let why: string | null = null;
  for (let seq = 1; seq <= count; seq++) {
    const began = performance.now();
    const body = { peer, count: 1 };
    target = await askDaemon<Answer>(call, { method: "POST", path: "/v1/ping", body, like: LIKE });
    const reply = { ...target.replies[0] ?? NOTHING, seq };
    replies.push(reply);
    const answer = reply.rttMs === null ? "no answer" : milliseconds(reply.rttMs);
    const over = reply.endpoint === null ? reply.rung : `${reply.rung} ${printable(reply.endpoint)}`;
    const path = reply.rung === "none" ? "no path" : over;
    out.progress(`${printable(target.name)} (${target.address}) seq ${seq}: ${answer}, ${path}`);
    if (reply.why !== null && reply.why !== why) out.progress(`not better, because ${printable(reply.why)}`);
    why = reply.why;
    const rest = INTERVAL - (performance.now() - began);
    if (seq < count && rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
  const answered = replies.filter((r) => r.rttMs !== null).length;
  out.answer({ name: target!.name, address: target!.address, replies }, () => `${count} sent, ${answered} answered`);
  return answered > 0 ? 0 : 1;
}
