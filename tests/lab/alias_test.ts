/**
 * Two sites whose LANs have the same addresses, reached by aliases:
 *
 *     alice -- inet -- carol -- 192.168.1.2 (site "one", known as 10.201.0.0/24)
 *                  +-- dave --- 192.168.1.2 (site "two", known as 10.202.0.0/24)
 */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { admit, startNetwork, status, waitForRung } from "../../scripts/lab/programs.ts";
import { addPublic, addServers, CAROL } from "../../scripts/lab/topology.ts";
import { fixture, helper } from "./support.ts";

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
  await addServers(lab);
  const alice = await addPublic(lab, "alice", "203.0.113.40");
  await addPublic(lab, "carol", CAROL);
  await addPublic(lab, "dave", "203.0.113.31");
  for (const { router, box } of SITES) {
    const inside = await lab.addHost(box);
    await lab.connect(lab.host(router), "lan1", inside, "eth0");
    await lab.host(router).sh("ip address add 192.168.1.1/24 dev lan1");
    await inside.sh("ip address add 192.168.1.2/24 dev eth0; ip route add default via 192.168.1.1");
    await helper(inside, "who_asks", box, "80", "8080").line(/serving/);
    await helper(lab.host(router), "who_asks", router).line(/serving/);
  }
  await helper(alice, "who_asks", "alice").line(/serving/);
  await startNetwork(lab, alice, { acls: ACLS });
  await admit(alice, ["alice", "carol", "dave"].map((name) => lab.host(name)));
  for (const { router, alias } of SITES) {
    await waitForRung(alice, router, "direct");
    await alice.ctl(["route", "add", LAN, "via", router, "--as", alias]);
  }
  await waitForRung(lab.host("carol"), "dave", "direct");
  const ask = async (from: string, address: string, port = 80) => {
    const argv = ["curl", "-s", "--max-time", "2", `http://${address}:${port}/`];
    return (await lab.host(from).run(argv, { codes: "any" })).stdout.trim();
  };
  const says = (text: string, ...who: Parameters<typeof ask>) =>
    waitFor(`"${text}" for ${who.join()}`, async () => await ask(...who) === text);
  return { lab, host: (name: string) => lab.host(name), ask, says };
});

test("each site is reached by its alias, from the mesh and from the other site", async ({ host, says }) => {
  for (const { alias, box } of SITES) {
    const address = alias.replace("0/24", "2");
    await says(`192.168.1.1 at ${box}`, "alice", address);
  }
  await says("192.168.1.1 at two", "one", "10.202.0.2");
  const rows = (await host("alice").ctl(["route", "list"])).stdout;
  assert.match(rows, /10\.201\.0\.0\/24 \(there 192\.168\.1\.0\/24\) +carol/);
});

test("what a site starts itself comes from its alias, and rules speak of aliases alone", async ({ host, ask, says }) => {
  const { addresses } = (await status(host("alice"))).self;
  const alice = addresses.find((address) => address.includes("."))!.replace(/\/.*/, "");
  await says("10.201.0.2 at alice", "one", alice);
  // No rule lets site two in, nor anybody to another port or machine there; there, they answer.
  assert.equal(await ask("two", alice), "");
  await says("192.168.1.2 at dave", "two", "192.168.1.1");
  assert.equal(await ask("alice", "10.202.0.1"), "");
  await says("192.168.1.1 at two", "dave", "192.168.1.2", 8080);
  assert.equal(await ask("alice", "10.202.0.2", 8080), "");
  await says("192.168.1.1 at two", "alice", "10.202.0.2");
  await host("alice").ctl(["route", "remove", "10.201.0.0/24"]);
  await waitFor("no way there", async () => await ask("alice", "10.201.0.2") === "");
});
