import assert from "node:assert/strict";
import { GhostError } from "../wire/errors.ts";
import { createLog } from "./log.ts";

Deno.test("createLog() writes one line per event, at and above its level", () => {
  const lines: string[] = [];
  const log = createLog("ghostgate", { write: (line) => lines.push(line), now: () => 0 });
  log.debug("unseen");
  log.info("Node joined", { name: "alice", note: "two\nlines", none: undefined, count: 3 });
  log.warn("Lost", { error: new GhostError("unreachable", "No answer", { place: "https://a:1" }) });
  assert.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z info ghostgate: Node joined name=alice note="two\\nlines" count=3',
    '1970-01-01T00:00:00.000Z warn ghostgate: Lost error="https://a:1: No answer"',
  ]);
});

Deno.test("createLog() lets nothing through that could steer a terminal", () => {
  const lines: string[] = [];
  const log = createLog("ghostlink", { write: (line) => lines.push(line), now: () => 0 });
  log.warn("No session", { why: "\u009b2J\u202egone" });
  assert.deepEqual(lines, ['1970-01-01T00:00:00.000Z warn ghostlink: No session why=" 2J gone"']);
});
