import assert from "node:assert/strict";
import { Audits } from "./audits.ts";
import type { PortSeen } from "./ice_hub.ts";

/** Audits of a machine whose port is seen like this, the last for good, and what they did in order. */
function world(...seen: [PortSeen, ...PortSeen[]]) {
  let loads = 4;
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
    machine: {
      get tableLoads() {
        return loads;
      },
      doubtTable: ({ emptiedAt = null } = {}) => void did.push(emptiedAt === null ? "doubt" : `emptied@${emptiedAt}`),
    },
    hub: { portSeen: () => Promise.resolve(seen.length > 1 ? seen.shift()! : seen[0]) },
    looks: { request: note("look") },
    teller: { renewed: note("renewed"), take: () => Promise.resolve("none") },
    grace: () => ({ contact: note("contact"), check: note("check") }),
    certificate: () => null,
    meshUp: () => true,
    glance: note("glance"),
    reconcile: note("reconcile"),
    changed: () => {},
  }, (ms) => {
    did.push(`wait ${ms}`);
    loads += 2; // one that began and ended meanwhile
    return Promise.resolve();
  });
  const run = async (count: number) => {
    for (let n = 0; n < count; n++) await audits.audit();
    return did.filter((what) => /^(doubt|emptied|wait|glance|reconcile)/.test(what)).join(" ");
  };
  return { run, did };
}

Deno.test("Audits ask nftables for the table every minute only, as long as the port is shared", async () => {
  const calm = `${"glance ".repeat(5)}doubt reconcile`;
  assert.equal(await world("shared").run(12), `${calm} ${calm}`);
});

Deno.test("Audits ask nftables each time when nothing comes from the port, before the machine is brought in line", async () => {
  assert.equal(await world("none").run(6), `${"doubt glance ".repeat(5)}doubt reconcile`);
});

Deno.test("Audits take the table to be emptied, as of before they looked, when another port is seen at two looks in a row", async () => {
  assert.equal(await world("other", "other", "shared").run(2), "wait 500 emptied@4 glance glance");
  assert.equal(await world("other", "shared").run(1), "wait 500 glance");
  assert.equal(await world("other", "none", "shared").run(1), "wait 500 doubt glance");
  const again = world("other", "other", "shared", "other", "other", "shared");
  assert.equal(
    await again.run(2),
    "wait 500 emptied@4 glance wait 500 emptied@6 glance",
    "it helped, so it is done again",
  );
});

Deno.test("Audits see an emptied table at a thorough look too", async () => {
  const { run } = world("shared", "shared", "shared", "shared", "shared", "other", "other", "shared");
  assert.equal(await run(6), `${"glance ".repeat(5)}wait 500 emptied@4 reconcile`);
});

Deno.test("Audits try once a minute where loading the table anew does not bring the port back", async () => {
  const { run } = world("other");
  const vain = "wait 500 doubt glance ".repeat(4);
  assert.equal(
    await run(12),
    `wait 500 emptied@4 glance ${vain}wait 500 emptied@14 reconcile ` +
      `wait 500 doubt glance ${vain}wait 500 emptied@26 reconcile`,
  );
});

Deno.test("Audits publish and note the contact with the coordinator after that", async () => {
  const { run, did } = world("shared");
  await run(1);
  assert.deepEqual(did.slice(-3), ["ledger", "publish", "contact"]);
});
