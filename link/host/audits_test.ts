import assert from "node:assert/strict";
import { Audits } from "./audits.ts";

/** Audits of a machine whose port is shared or not, and what they did in order. */
function world(shared: boolean) {
  const did: string[] = [];
  const note = (what: string) => () => {
    did.push(what);
    return Promise.resolve();
  };
  const audits = new Audits({
    id: "me",
    parts: {
      surroundings: { unresolved: false },
      foreign: { refresh: note("foreign") },
      admissions: { review: note("admissions") },
      publisher: { renew: note("renew"), publish: note("publish") },
      view: { nodes: new Map([["me", {}]]), lookAtClock: () => "none", saved: { retry: () => Promise.resolve(false) } },
      saver: { ledger: note("ledger") },
    } as unknown as ConstructorParameters<typeof Audits>[0]["parts"],
    machine: { doubtTable: note("doubt") },
    hub: { sharesPort: () => Promise.resolve(shared) },
    looks: { request: note("look") },
    teller: { renewed: note("renewed"), take: () => Promise.resolve("none") },
    grace: () => ({ contact: note("contact"), check: note("check") }),
    certificate: () => null,
    meshUp: () => true,
    glance: note("glance"),
    reconcile: note("reconcile"),
    changed: () => {},
  });
  const run = async (count: number) => {
    for (let n = 0; n < count; n++) await audits.audit();
    return did.filter((what) => ["doubt", "glance", "reconcile"].includes(what)).join(" ");
  };
  return { run, did };
}

Deno.test("Audits ask nftables for the table every minute only, as long as the port is shared", async () => {
  const calm = `${"glance ".repeat(5)}doubt reconcile`;
  assert.equal(await world(true).run(12), `${calm} ${calm}`);
});

Deno.test("Audits doubt the table each time when the port is not shared, before the machine is brought in line", async () => {
  assert.equal(await world(false).run(6), `${"doubt glance ".repeat(5)}doubt reconcile`);
});

Deno.test("Audits publish and note the contact with the coordinator after that", async () => {
  const { run, did } = world(true);
  await run(1);
  assert.deepEqual(did.slice(-3), ["ledger", "publish", "contact"]);
});
