/**
 * Two sites whose LANs have the same addresses, reached by aliases:
 *
 *     alice -- inet -- carol -- 192.168.1.2 (site "one", known as 10.201.0.0/24)
 *                  +-- dave --- 192.168.1.2 (site "two", known as 10.202.0.0/24)
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Lab } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import {
  createToken,
  initNetwork,
  joinLink,
  setupCode,
  startGate,
  startMesh,
  status,
  waitForRung,
} from "../../scripts/lab/programs.ts";
import { addInternet, addPublic, CAROL, COORDINATOR, GATE } from "../../scripts/lab/topology.ts";
import { fixture, PROJECT } from "./support.ts";

const LAN = "192.168.1.0/24";
const SITES = [{ router: "carol", alias: "10.201.0.0/24", box: "one" }, {
  router: "dave",
  alias: "10.202.0.0/24",
  box: "two",
}];
const ACLS = `[[allow]]
from = ["*"]
to = ["*"]
[[allow]]
from = ["*", "10.201.0.0/24"]
to = ["10.201.0.0/24", "10.202.0.2", "*"]
ports = ["tcp/80"]
`;

const test = fixture(async () => {
  const lab = new Lab();
  await addInternet(lab);
  await addPublic(lab, "coordinator", COORDINATOR);
  await addPublic(lab, "gate", GATE);
  const alice = await addPublic(lab, "alice", "203.0.113.40");
  await addPublic(lab, "carol", CAROL);
  await addPublic(lab, "dave", "203.0.113.31");
  const program = join(PROJECT, "tests", "lab", "testdata", "who_asks.ts");
  const serve = (box: string) => [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-net", program, box];
  for (const { router, box } of SITES) {
    const inside = await lab.addHost(box);
    await lab.connect(lab.host(router), "lan1", inside, "eth0");
    await lab.host(router).sh("ip address add 192.168.1.1/24 dev lan1");
    await inside.sh("ip address add 192.168.1.2/24 dev eth0; ip route add default via 192.168.1.1");
    await inside.spawn("web", serve(box)).line(/serving/);
  }
  await alice.spawn("web", serve("alice")).line(/serving/);
  const mesh = await startMesh(lab.host("coordinator"), { acls: ACLS });
  await initNetwork(alice, await setupCode(mesh), { acls: ACLS });
  await startGate(lab.host("gate"), { token: await createToken(alice, "--gate") });
  const token = await createToken(alice, "--uses", "3");
  const links = ["alice", "carol", "dave"].map((name) => joinLink(lab.host(name), token));
  await Promise.all(links.map((link) => link.line(/ is up: /)));
  for (const { router, alias } of SITES) {
    await waitForRung(alice, router, "direct");
    await alice.ctl(["route", "add", LAN, "via", router, "--as", alias]);
  }
  await waitForRung(lab.host("carol"), "dave", "direct");
  const ask = async (from: string, address: string, port = 80) => {
    const argv = ["curl", "-s", "--max-time", "2", `http://${address}:${port}/`];
    return (await lab.host(from).run(argv, { codes: "any" })).stdout.trim();
  };
  return { lab, host: (name: string) => lab.host(name), ask };
});

test("each site is reached by its alias, from the mesh and from the other site", async ({ host, ask }) => {
  for (const { alias, box } of SITES) {
    const address = alias.replace("0/24", "2");
    await waitFor(`the box of site ${box}`, async () => await ask("alice", address) === `192.168.1.1 at ${box}`);
  }
  await waitFor("site two from site one", async () => await ask("one", "10.202.0.2") === "192.168.1.1 at two");
  const rows = (await host("alice").ctl(["route", "list"])).stdout;
  assert.match(rows, /10\.201\.0\.0\/24 \(there 192\.168\.1\.0\/24\) +carol/);
});

test("what a site starts itself comes from its alias, and rules speak of aliases alone", async ({ host, ask }) => {
  const { addresses } = (await status(host("alice"))).self;
  const alice = addresses.find((address) => address.includes("."))!.replace(/\/.*/, "");
  await waitFor("alice from site one", async () => await ask("one", alice) === "10.201.0.2 at alice");
  // No rule lets site two in, nor anybody to another port or machine there.
  assert.equal(await ask("two", alice), "");
  assert.equal(await ask("alice", "10.202.0.1"), "");
  await host("alice").ctl(["route", "remove", "10.201.0.0/24"]);
  await waitFor("no way there", async () => await ask("alice", "10.201.0.2") === "");
});
