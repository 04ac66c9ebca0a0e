/** What the daemon answers those who announce a route. */
import assert from "node:assert/strict";
import { localHandlers } from "./handlers.ts";
import type { Parts } from "./parts.ts";

const network = { id: "aq7x2m4k6p3v5b7n2c4d6s3f5h7j2l4w", ipv4: "100.64.0.0/10" };

/** Handlers of a machine for which the policy approves one prefix. */
function machine(approved: string) {
  let record: { routes: string[] } = { routes: [] };
  const own = {
    get record() {
      return record;
    },
    changeFrom(decide: (record: { routes: string[] }) => { routes: string[] } | null) {
      const [before, change] = [record, decide(record)];
      if (change !== null) record = change;
      return Promise.resolve(change === null ? null : before);
    },
  };
  const mine = () => record.routes.filter((prefix) => prefix === approved).map((prefix) => ({ prefix }));
  const rights = { routes: () => ({ mine: mine(), theirs: [] }) };
  const parts = { view: { ledger: { network }, rights } };
  const host = { own, changed: () => Promise.resolve() } as unknown as Parameters<typeof localHandlers>[1];
  return { handlers: localHandlers(parts as unknown as Parts, host), own };
}

Deno.test("localHandlers().advertise says whether it is approved, and refuses the network's own addresses", async () => {
  const { handlers, own } = machine("10.1.1.0/24");
  const advertise = (prefix: string, withdraw = false) => handlers.advertise({ prefix, withdraw });
  assert.deepEqual(await advertise("10.1.1.0/24"), { changed: true, routes: ["10.1.1.0/24"], approved: true });
  assert.deepEqual(await advertise("10.2.0.0/16"), {
    changed: true,
    routes: ["10.1.1.0/24", "10.2.0.0/16"],
    approved: false,
  });
  for (const prefix of ["100.64.0.0/10", "100.100.0.0/16", "100.0.0.0/8"]) {
    await assert.rejects(advertise(prefix), /overlaps 100\.64\.0\.0\/10, the addresses of the network itself/);
  }
  assert.deepEqual(own.record.routes, ["10.1.1.0/24", "10.2.0.0/16"]);
  // What was announced before this was refused can be withdrawn.
  own.record.routes.push("100.64.0.0/10");
  assert.equal((await advertise("100.64.0.0/10", true)).changed, true);
});
