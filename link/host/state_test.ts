import assert from "node:assert/strict";
import { idleExit } from "./exit/idle.ts";
import { type ExitChoice, NodeState } from "./state.ts";

async function withState(work: (state: NodeState) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(new NodeState(dir));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const exit: ExitChoice = { node: "a".repeat(26), name: "carol", lan: false, killSwitch: true };

Deno.test("NodeState.changeSettings() loses nothing of what others change at the same time", async () => {
  await withState(async (state) => {
    await state.changeSettings({ exit });
    await Promise.all([
      state.changeSettings({ up: false }),
      state.changeSettings({ exit: null }),
      state.changeSettings({ ssh: false }),
      state.changeSettings({ offer: true }),
    ]);
    assert.deepEqual(await state.settings(), { up: false, ssh: false, exit: null, offer: true });
  });
});

Deno.test("idleExit() tells what this machine offers as the session does: by ghostctl's word, else the config's", async () => {
  await withState(async (state) => {
    const platform = { releaseKillSwitch: () => Promise.resolve(), killSwitchHolds: () => Promise.resolve(true) };
    const told = async (offer: boolean) => (await idleExit(null, { state, platform, iface: "ghost0", offer })).offer.on;
    assert.deepEqual([await told(true), await told(false)], [true, false]);
    await state.changeSettings({ offer: false });
    assert.equal(await told(true), false);
  });
});
