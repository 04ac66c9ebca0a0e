import assert from "node:assert/strict";
import { firstReply, isBeside, judge } from "./times.ts";

const lines = (...texts: string[]) => texts.map((text, i) => ({ at: i, text }));

Deno.test("firstReply() counts from the first packet that was sent, answered or not", () => {
  const head = "PING 100.64.0.2 (100.64.0.2) 56(84) bytes of data.";
  const answer = "64 bytes from 100.64.0.2: icmp_seq=4 ttl=64 time=81.2 ms";
  const refused = "From 100.64.0.1 icmp_seq=1 Destination Host Unreachable";
  assert.equal(firstReply(lines(head, refused, answer, answer.replace("=4", "=5")), 10), 111.2);
  assert.equal(firstReply(lines(head, refused), 10), null);
});

Deno.test("firstReply() goes by the clock where ping sent more slowly than it was told, but not for the first packet", () => {
  const at = (answer: string) => [{ at: 1_000, text: "PING 100.64.0.2" }, { at: 6_169, text: answer }];
  assert.equal(firstReply(at("64 bytes from 100.64.0.2: icmp_seq=178 ttl=64 time=2169 ms"), 10), 5_169);
  assert.equal(firstReply(at("64 bytes from 100.64.0.2: icmp_seq=1 ttl=64 time=0.61 ms"), 10), 0.61);
});

Deno.test("judge() holds the named part against the limit, and what never came is over it", () => {
  const times = [10, 20, 30, Infinity];
  assert.deepEqual(judge(times, { what: "", part: 0.5, limit: 30 }), { value: 30, met: true });
  assert.deepEqual(judge(times, { what: "", part: 0.99, limit: 1e9 }), { value: Infinity, met: false });
  assert.equal(judge([], { what: "", part: 0.5, limit: 1 }).met, false);
});

Deno.test("isBeside() spreads the wanted pairs over ours, as many of either kind", () => {
  for (const [pairs, wanted] of [[100, 20], [10, 20], [4, 2], [10, 0], [100, 100], [12, 4]] as const) {
    const chosen = Array.from({ length: pairs }, (_, i) => i).filter((i) => isBeside(i, { pairs, wanted }));
    const odd = chosen.filter((i) => i % 2 === 1).length;
    assert.deepEqual(
      [chosen.length, odd],
      [Math.min(pairs, wanted), Math.min(pairs, wanted) / 2],
      `${pairs} ${wanted}`,
    );
  }
});
