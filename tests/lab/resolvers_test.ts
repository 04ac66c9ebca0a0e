/**
 * Programs that lead a machine's names, the real ones: Debian's resolvconf on alice, openresolv on bob, systemd-resolved on
 * carol. The C library of each machine asks, as any program does.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withPackage } from "../../scripts/lab/debian.ts";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import {
  ACLS_TOML,
  createToken,
  initNetwork,
  joinLink,
  runLink,
  setupCode,
  startMesh,
} from "../../scripts/lab/programs.ts";
import { addInternet, addPublic, COORDINATOR } from "../../scripts/lab/topology.ts";
import { fixture, lookUp, nameServer, PROJECT } from "./support.ts";

const RESOLVER = "100.127.255.254";
/** The name server of corp.test. */
const CORP = "203.0.113.53";
const ACLS = `${ACLS_TOML}[dns]
search = ["corp.test"]
[dns.split]
"corp.test" = ["${CORP}"]
`;
const HOSTS = { alice: "203.0.113.30", bob: "203.0.113.31", carol: "203.0.113.32" } as const;

interface World {
  lab: Lab;
  links: Map<string, Process>;
  upstream: Process;
  corp: Process;
}

const test = fixture(async (): Promise<World> => {
  const lab = new Lab();
  await addInternet(lab);
  await addPublic(lab, "coordinator", COORDINATOR);
  await addPublic(lab, "ns", CORP);
  for (const [name, address] of Object.entries(HOSTS)) await addPublic(lab, name, address);
  const [alice, bob, carol] = [lab.host("alice"), lab.host("bob"), lab.host("carol")];
  const upstream = await nameServer(lab.host("coordinator"), "192.0.2.77");
  const corp = await nameServer(lab.host("ns"), "192.0.2.88");

  await withPackage(alice, "resolvconf", { resolvConf: "/run/resolvconf/resolv.conf" });
  await alice.sh("mkdir -p /run/resolvconf/interface; resolvconf --enable-updates");
  await withPackage(bob, "openresolv");
  for (const host of [alice, bob]) {
    await host.run(["resolvconf", "-a", "eth0.dhcp"], { stdin: `nameserver ${COORDINATOR}\nsearch lan\n` });
  }
  await withPackage(carol, "systemd-resolved", { resolvConf: "/run/systemd/resolve/stub-resolv.conf" });
  await startResolved(carol);
  for (const host of [alice, bob, carol]) await host.sh("cat /etc/resolv.conf >/run/before");

  const mesh = await startMesh(lab.host("coordinator"), { acls: ACLS });
  await initNetwork(alice, await setupCode(mesh), { acls: ACLS });
  const token = await createToken(alice, "--uses", "3");
  const links = new Map([alice, bob, carol].map((host) => [host.name, joinLink(host, token)]));
  for (const link of links.values()) await link.line(/ is up: /);
  return { lab, links, upstream, corp };
});

/** systemd-resolved beside a message bus of its own. It gives up root for the user of its name, which is root here. */
async function startResolved(host: Host): Promise<void> {
  await host.sh(
    `mkdir -p /run/dbus /run/systemd/resolve
    sed -i /^systemd-resolve:/d /etc/passwd /etc/group
    echo 'systemd-resolve:x:0:0::/:/bin/false' >>/etc/passwd
    echo 'systemd-resolve:x:0:' >>/etc/group
    printf '[Resolve]\\nDNS=%s\\nDomains=lan\\nDNSSEC=no\\nLLMNR=no\\nMulticastDNS=no\\n' "$1" >/etc/systemd/resolved.conf`,
    COORDINATOR,
  );
  host.spawn("dbus", [
    "dbus-daemon",
    `--config-file=${join(PROJECT, "tests", "lab", "testdata", "bus.conf")}`,
    "--nofork",
    "--nopidfile",
  ]);
  await waitFor(
    "the message bus",
    async () => (await host.run(["test", "-S", "/run/dbus/system_bus_socket"], { codes: "any" })).code === 0,
  );
  host.spawn("resolved", ["/usr/lib/systemd/systemd-resolved"]);
  await waitFor("systemd-resolved", async () => await lookUp(host, "ahostsv4", "www.example.test") === "192.0.2.77");
}

async function text(host: Host): Promise<string> {
  return (await host.run(["cat", "/etc/resolv.conf"])).stdout;
}

/** Whether the programs of a host are led to our resolver. */
async function ours(host: Host): Promise<boolean> {
  if ((await text(host)).includes(RESOLVER)) return true;
  if (host.name !== "carol") return false;
  return (await host.run(["resolvectl", "domain", "ghost0"], { codes: "any" })).stdout.includes("home.ghost");
}

/** The programs of a host ask for names of the network, of a domain of the policy, and of the world outside. */
async function asks({ lab, upstream, corp }: World, host: Host, way: string): Promise<void> {
  // Nothing is asked before: it would rightly go to the servers of before.
  await waitFor(`our resolver on ${host.name}`, () => ours(host));
  const before = new Map([upstream, corp].map((server) => [server, server.lines.length]));
  await waitFor(`names on ${host.name}`, async () => await lookUp(host, "ahostsv4", "bob.home.ghost") !== "");
  const shown = (await host.ctl(["dns"])).stdout;
  assert.match(shown, new RegExp(`^resolver +${RESOLVER}.*${way}`));
  const four = (await lab.host("bob").ctlJson<{ self: { addresses: string[] } }>(["status"])).self.addresses
    .find((a) => !a.includes(":"))!.replace(/\/.*/, "");
  for (const name of ["bob.home.ghost", "bob"]) assert.equal(await lookUp(host, "ahostsv4", name), four, name);
  assert.equal(await lookUp(host, "hosts", four), "bob.home.ghost");
  assert.equal(await lookUp(host, "ahostsv4", "nobody.home.ghost."), "");
  for (const name of ["wiki.corp.test", "wiki"]) assert.equal(await lookUp(host, "ahostsv4", name), "192.0.2.88", name);
  assert.equal(await lookUp(host, "ahostsv4", "www.example.test"), "192.0.2.77");
  // A search list makes other names of a name that is not known.
  const told = (server: Process, what: RegExp) =>
    server.lines.slice(before.get(server)).map(({ text }) => text).filter((line) => what.test(line));
  assert.deepEqual(
    told(upstream, /(?:home\.ghost|corp\.test) \w+$/),
    [],
    "only its own servers are asked about a domain",
  );
  assert.deepEqual(told(corp, /asked \S*(?<!corp\.test) \w+$/), [], "and about nothing else");
}

/** The daemon ends in order, then by a crash; each time the next start, or the end itself, leaves what was there before. */
async function comesBack(world: World, host: Host, before: string, quiet: () => Promise<boolean>): Promise<void> {
  const start = async (...options: string[]) => {
    const link = runLink(host, ...options);
    world.links.set(host.name, link);
    await link.line(/ is up: /);
  };
  await world.links.get(host.name)!.stop("SIGTERM");
  assert.equal(await text(host), before);
  assert.ok(await quiet(), "nothing of ours is left after an end in order");
  assert.equal(await lookUp(host, "ahostsv4", "www.example.test"), "192.0.2.77");
  assert.equal(await lookUp(host, "ahostsv4", "bob.home.ghost"), "");
  await start();
  await waitFor(`names on ${host.name}`, async () => await lookUp(host, "ahostsv4", "bob.home.ghost") !== "");
  await world.links.get(host.name)!.stop("SIGKILL");
  await host.write("ghostlink.toml", "[link]\ndns = false\n");
  await start("--config", "ghostlink.toml");
  assert.equal(await text(host), before);
  assert.ok(await quiet(), "nothing of ours is left by a start after a crash");
  assert.equal(await lookUp(host, "ahostsv4", "www.example.test"), "192.0.2.77");
}

for (const [name, program] of [["alice", "Debian's resolvconf"], ["bob", "openresolv"]] as const) {
  test(`${program}: names of the network, split domains, and everything as before at the end`, async (world) => {
    const host = world.lab.host(name);
    await asks(world, host, "resolvconf");
    assert.match(await text(host), new RegExp(`^nameserver ${RESOLVER}$`, "m"));
    assert.match(await text(host), /^search home\.ghost corp\.test.* lan/m);
    const before = await world.lab.host(name).run(["cat", "/run/before"]).then((o) => o.stdout);
    await comesBack(world, host, before, async () => !/ghost/.test((await host.run(["resolvconf", "-l"])).stdout));
  });
}

test("systemd-resolved: names of the network, split domains, and everything as before at the end", async (world) => {
  const carol = world.lab.host("carol");
  await asks(world, carol, "systemd-resolved");
  const domain = (await carol.run(["resolvectl", "domain", "ghost0"])).stdout;
  assert.match(domain, /home\.ghost corp\.test ~/);
  // The interface goes with the daemon, and resolved forgets with it.
  const quiet = async () => !/home\.ghost/.test((await carol.run(["resolvectl", "domain"])).stdout);
  const before = (await carol.run(["cat", "/run/before"])).stdout;
  await comesBack(world, carol, before, quiet);
});
