/** Names of the network, asked for by the C library of each machine as any program does. */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { ACLS_TOML, peers, runLink, status } from "../../scripts/lab/programs.ts";
import { COORDINATOR, OFFICE, PRINTER } from "../../scripts/lab/topology.ts";
import { addressOf, fixture, homes, lookUp, nameServer, type Network } from "./support.ts";

const RESOLVER = "100.127.255.254";
const BEFORE = `nameserver ${COORDINATOR}\nsearch lan\n`;
let upstream: Process | undefined;

const test = fixture(async (): Promise<Network> => {
  const net = await homes();
  upstream = await nameServer(net.host("coordinator"), "192.0.2.77");
  // As a DHCP client does while the daemon runs.
  await net.host("alice").sh('printf "%s" "$1" >/etc/resolv.conf', BEFORE);
  await resolvConf(net.host("alice"), RESOLVER);
  return net;
});

async function resolvConf(host: Host, has: string): Promise<void> {
  await waitFor(`${has} in resolv.conf of ${host.name}`, async () => (await text(host)).includes(has));
}

async function text(host: Host): Promise<string> {
  return (await host.run(["cat", "/etc/resolv.conf"])).stdout;
}

test("machines have names, forwards and backwards, over UDP and TCP, in full and by the search list", async (net) => {
  const alice = net.host("alice");
  const bob = (await peers(alice)).find((p) => p.name === "bob")!;
  const [six, four] = [bob.addresses.find((a) => a.includes(":"))!, await addressOf(alice, "bob")];
  assert.equal(await lookUp(alice, "ahostsv4", "bob.home.ghost"), four);
  assert.equal(await lookUp(alice, "ahostsv4", "BOB.home.ghost"), four);
  assert.equal(await lookUp(alice, "ahostsv4", "bob"), four);
  assert.equal(await lookUp(alice, "ahostsv6", "bob.home.ghost"), six);
  assert.equal(await lookUp(alice, "ahostsv4", "bob.home.ghost", { tcp: true }), four);
  assert.equal(await lookUp(alice, "hosts", four), "bob.home.ghost");
  assert.equal(await lookUp(alice, "hosts", six), "bob.home.ghost");
  assert.equal(await lookUp(alice, "ahostsv4", "nobody.home.ghost"), "");
  const ping = await alice.run(["ping", "-c", "1", "-W", "3", "bob"]);
  assert.match(ping.stdout, / 1 received/);
  assert.match((await alice.ctl(["dns"])).stdout, new RegExp(`^resolver +${RESOLVER}.*resolv.conf.*, 3 names`));
});

test("[dns] of the policy: a domain has its servers, all machines its search list and names, and upstreams the rest", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  // Behind carol, so what alice and bob ask goes through the tunnel.
  const corp = await nameServer(net.host("printer"), "192.0.2.88");
  await alice.ctl(["route", "add", OFFICE, "via", "carol"]);
  const push = async (dns: string) => {
    await alice.write("dns.toml", `${ACLS_TOML}${dns}`);
    await alice.ctl(["policy", "push", "dns.toml"]);
  };
  await push(`[dns]
search = ["corp.test"]
[dns.split]
"corp.test" = ["${PRINTER}"]
[dns.names]
scanner = ["192.0.2.5"]
`);
  const gives = (host: Host, name: string, address: string) =>
    waitFor(`${name} on ${host.name}`, async () => await lookUp(host, "ahostsv4", name) === address);
  for (const host of [alice, bob]) {
    await resolvConf(host, "search home.ghost corp.test");
    await gives(host, "wiki.corp.test", "192.0.2.88");
    assert.equal(await lookUp(host, "ahostsv4", "wiki"), "192.0.2.88");
    assert.equal(await lookUp(host, "ahostsv4", "scanner.home.ghost"), "192.0.2.5");
  }
  assert.equal(await lookUp(alice, "ahostsv4", "www.example.test"), "192.0.2.77");
  const asked = (server: Process, what: RegExp) => server.lines.some((line) => what.test(line.text));
  assert.ok(!asked(upstream!, /corp\.test/), "a split domain is asked of nobody else");
  assert.ok(!asked(corp, /example|home\.ghost/), "and its servers of nothing else");
  assert.match((await alice.ctl(["dns"])).stdout, /corp\.test/);

  await push(`[dns]\nupstreams = ["${PRINTER}"]\n`);
  await gives(bob, "www.example.test", "192.0.2.88");
  await gives(alice, "www.example.test", "192.0.2.88");

  await push("");
  await gives(alice, "www.example.test", "192.0.2.77");
  assert.equal(await lookUp(alice, "ahostsv4", "wiki"), "");
  assert.equal(await lookUp(alice, "ahostsv4", "scanner.home.ghost"), "");
  assert.doesNotMatch(await text(alice), /corp/);
  await alice.ctl(["route", "remove", OFFICE, "via", "carol"]);
  await corp.stop("SIGKILL");
});

test("what is not the network's goes to the servers of before, and a dead one stops no name of the network", async (net) => {
  const alice = net.host("alice");
  assert.equal(await lookUp(alice, "ahostsv4", "www.example.test"), "192.0.2.77");
  assert.ok(
    !upstream!.lines.some((line) => /home\.ghost (?:A|AAAA)$/.test(line.text)),
    "no name of the network was told outside",
  );
  await upstream!.stop("SIGKILL");
  const four = await addressOf(alice, "bob");
  assert.equal(await lookUp(alice, "ahostsv4", "bob.home.ghost"), four);
  assert.equal(await lookUp(alice, "ahostsv4", "www.example.test"), "");
  assert.equal(await lookUp(alice, "ahostsv4", "bob.home.ghost"), four);
});

test("only programs of the machine itself are answered", async (net) => {
  const [carol, printer] = [net.host("carol"), net.host("printer")];
  await resolvConf(carol, RESOLVER);
  await printer.sh('printf "nameserver %s\\noptions timeout:1 attempts:2\\n" "$1" >/etc/resolv.conf', RESOLVER);
  assert.notEqual(await lookUp(carol, "ahostsv4", "bob.home.ghost"), "");
  assert.equal(await lookUp(printer, "ahostsv4", "bob.home.ghost"), "");
  assert.equal(await lookUp(printer, "ahostsv4", "bob.home.ghost", { tcp: true }), "");
});

test("resolv.conf comes back at the end, after a crash as well, and dns = false leaves it alone", async (net) => {
  const alice = net.host("alice");
  await net.links.alice.stop("SIGTERM");
  assert.equal(await text(alice), BEFORE);
  net.links.alice = runLink(alice);
  await net.links.alice.line(/ is up: /);
  await resolvConf(alice, RESOLVER);
  await net.links.alice.stop("SIGKILL");
  assert.match(await text(alice), new RegExp(RESOLVER));
  await alice.write("ghostlink.toml", "[link]\ndns = false\n");
  net.links.alice = runLink(alice, "--config", "ghostlink.toml");
  await net.links.alice.line(/ is up: /);
  assert.equal(await text(alice), BEFORE);
  assert.doesNotMatch((await alice.run(["ip", "address"])).stdout, new RegExp(RESOLVER));
  assert.equal((await status(alice)).warnings.some((w) => /names/.test(w)), false);
  await net.links.alice.stop("SIGTERM");
  assert.equal(await text(alice), BEFORE);
});
