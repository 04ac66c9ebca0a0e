/** A coordinator that is killed again and again while machines join: what it has acknowledged is there afterwards. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Lab } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { createToken, initNetwork, joinLink, setupCode, startMesh } from "../../scripts/lab/programs.ts";
import { addInternet, addPublic, COORDINATOR } from "../../scripts/lab/topology.ts";
import { labTest, PROJECT } from "./support.ts";

const JOINS = 200;

labTest(`kill -9 of the coordinator during ${JOINS} joins loses nothing that was acknowledged`, async () => {
  await using lab = new Lab();
  await addInternet(lab);
  const coordinator = await addPublic(lab, "coordinator", COORDINATOR);
  const admin = await addPublic(lab, "admin", "203.0.113.50");
  let mesh = await startMesh(coordinator);
  await initNetwork(admin, await setupCode(mesh));
  const token = await createToken(admin, "--uses", String(JOINS));
  const program = join(PROJECT, "tests", "lab", "testdata", "join_many.ts");
  const settings = ["--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=test"];
  const argv = [Deno.execPath(), "run", ...settings, program, "/run/home/nodes", String(JOINS), "16"];
  const joins = admin.spawn("joins", argv, { stdin: token });
  const acknowledged = () => joins.lines.flatMap(({ text }) => text.startsWith("joined ") ? [text.slice(7)] : []);
  for (const reached of [20, 60, 100, 150]) {
    await waitFor(`${reached} joins`, () => acknowledged().length >= reached || !joins.running, { every: 2 });
    await mesh.stop("SIGKILL");
    mesh = await startMesh(coordinator);
  }
  const { code } = await joins.ended;
  assert.equal(code, 0, joins.tail());
  const ids = acknowledged();
  assert.equal(new Set(ids).size, JOINS);
  await mesh.stop("SIGKILL");
  mesh = await startMesh(coordinator);
  const { nodes } = await waitFor("the list of nodes", async () => {
    return await admin.ctlJson<{ nodes: { id: string; addresses: string[] }[] }>(["nodes", "list"]);
  });
  assert.deepEqual(nodes.map((node) => node.id).sort(), ids.sort());
  assert.equal(new Set(nodes.flatMap((node) => node.addresses)).size, nodes.flatMap((node) => node.addresses).length);
  const late = joinLink(admin, token);
  assert.equal((await late.ended).code, 1, "a used-up token must not admit one more");
  assert.match(late.text, /has admitted all 200/);
});
