/** One machine that runs coordinator, gate and daemon, and another one that joins it. */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import {
  admit,
  createToken,
  initNetwork,
  runLink,
  setupCode,
  startGate,
  startMesh,
  waitForRung,
} from "../../scripts/lab/programs.ts";
import { addInternet, addPublic } from "../../scripts/lab/topology.ts";
import { addressOf, connected, labTest, reaches } from "./support.ts";

labTest("coordinator, gate and daemon share one machine", async () => {
  await using lab = new Lab();
  await addInternet(lab);
  const all = await addPublic(lab, "all", "203.0.113.10");
  const other = await addPublic(lab, "other", "203.0.113.11");
  try {
    const mesh = await startMesh(all);
    await initNetwork(all, await setupCode(mesh));
    const gate = await startGate(all, { token: await createToken(all, "--gate") });
    const links = await admit(all, [all, other]);
    for (const host of [all, other]) await connected(host);
    await waitForRung(other, "all", "direct");
    await reaches(other, await addressOf(other, "all"));
    await reaches(all, await addressOf(all, "other"));
    // All of it ends and comes back, in an order in which nobody finds the others at first.
    for (const process of [mesh, gate, links[0]!]) {
      assert.equal((await process.stop("SIGTERM")).code, 0, process.tail());
    }
    await runLink(all).line(/ is up: /);
    await startGate(all);
    await startMesh(all);
    for (const host of [all, other]) await connected(host);
    await waitForRung(other, "all", "direct");
    await reaches(other, await addressOf(other, "all"));
  } catch (error) {
    console.error(lab.logs());
    throw error;
  }
});
