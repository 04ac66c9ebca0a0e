/** What `ghostctl` asks for while the tunnel is down. */
import assert from "node:assert/strict";
import { keepWhole } from "../../mesh/trust/kept_ledger.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { add, boxer, network, nodeRecordOf } from "../../mesh/trust/testdata/network.ts";
import { Feeds } from "./feeds.ts";
import { NodeState } from "./state.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

/** A machine that has joined and whose tunnel is down; its kill switch is there when it was asked for. */
async function joined(
  work: (m: { supervisor: Supervisor; state: NodeState; id: string; key: string; released: string[] }) => Promise<void>,
  settle: (ledger: Ledger, alice: { id: string; key: string }) => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const state = new NodeState(dir);
    const ledger = await network();
    const { id, key, record } = await nodeRecordOf(ledger, "alice");
    await settle(ledger, { id, key: key.public });
    await state.saveIdentity({ identity: key, wg: await boxer("wg"), wgNext: null, seal: await boxer("seal") });
    await state.saveNetwork({
      server: "https://127.0.0.1:1",
      ca: null,
      net: ledger.network.id,
      name: record.name,
      ipv4Counter: 0,
      record: await signNodeRecord(record, key),
      seq: record.seq,
    });
    await keepWhole(state.ledger, ledger);
    const released: string[] = [];
    const platform = {
      killSwitchHolds: () => Promise.resolve(true),
      releaseKillSwitch: () => Promise.resolve(),
      releaseLastResort: (...of: string[]) => Promise.resolve(void released.push(of.join(" "))),
    };
    const supervisor = new Supervisor(
      {
        state,
        platform,
        config: { interface: "ghost0" },
        feeds: new Feeds({ write() {} }),
      } as unknown as SupervisorOptions,
    );
    await work({ supervisor, state, id, key: key.public, released });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("Supervisor.leave() says whether the machine was revoked", async () => {
  await joined(async ({ supervisor }) => {
    assert.deepEqual(await supervisor.leave({ forget: true }), { name: "alice", told: false, was: "member" });
  });
  await joined(async ({ supervisor }) => {
    assert.deepEqual(await supervisor.leave({ forget: true }), { name: "alice", told: false, was: "revoked" });
  }, (ledger, { key }) => add(ledger, "revoke", { what: "node", key }));
});

Deno.test("Supervisor.leave() drops the keys that a leave of before has kept", () =>
  joined(async ({ supervisor, state }) => {
    await supervisor.leave({ forget: false });
    assert.ok(await state.identity());
    assert.deepEqual(await supervisor.leave({ forget: true }), { name: "", told: true, was: "outside" });
    assert.equal(await state.identity(), null);
    await assert.rejects(supervisor.leave({ forget: true }), /has not joined/);
  }));

Deno.test("Supervisor.down() says that the kill switch holds", () =>
  joined(async ({ supervisor, state }) => {
    assert.deepEqual((await supervisor.down()).notes, []);
    const exit = { node: "a".repeat(26), name: "carol", lan: false, killSwitch: true };
    await state.changeSettings({ exit });
    const { notes } = await supervisor.down();
    assert.deepEqual(notes, ["the kill switch holds: nothing leaves (ghostctl exit-node none)"]);
  }));

Deno.test("Supervisor.down() takes the routes of a session away that failed", () =>
  joined(async ({ supervisor, id, released }) => {
    await supervisor.down();
    assert.deepEqual(released, [`ghost0 ${id}`]);
  }));

Deno.test("Supervisor.settings() tells the name that an admin gave beside the own one", () =>
  joined(async ({ supervisor }) => {
    const { name, given } = await supervisor.settings();
    assert.deepEqual({ name, given }, { name: "alice", given: "robert" });
  }, (ledger, { id }) => add(ledger, "node", { node: id, name: "robert" })));
