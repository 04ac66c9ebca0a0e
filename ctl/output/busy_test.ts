import assert from "node:assert/strict";
import { Busy } from "./busy.ts";

Deno.test("Busy counts seconds in one line, and makes room for what is printed", async () => {
  const written: string[] = [];
  const twice = Promise.withResolvers<void>();
  const busy = new Busy({
    shown: true,
    write: (text) => {
      written.push(text);
      if (written.length === 2) twice.resolve();
    },
  });
  busy.start("asking the coordinator");
  const hold = setTimeout(() => {}, 60_000); // the line's own timer keeps no process alive
  await twice.promise;
  clearTimeout(hold);
  busy.stop();
  busy.stop();
  assert.deepEqual(written, [
    "\r\x1b[Kasking the coordinator ... 1 s",
    "\r\x1b[Kasking the coordinator ... 2 s",
    "\r\x1b[K",
  ]);
});

Deno.test("Busy shows nothing where there is no terminal", () => {
  const busy = new Busy({ shown: false, write: () => assert.fail("written") });
  busy.start("x");
  busy.clear();
  busy.stop();
});
