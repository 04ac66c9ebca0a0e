/** What the end-to-end tests share: a network of real programs in a lab, and assertions about what a machine looks like. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import type { PingResult } from "../../scripts/lab/ping.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { admit, ipv4Of, peers, type Servers, startNetwork, status, waitForRung } from "../../scripts/lab/programs.ts";
import { buildHomes } from "../../scripts/lab/topology.ts";
import { inWorld } from "../../scripts/lab/world.ts";
import { type Output, PROJECT } from "../../scripts/lib/run.ts";

/** A network with a coordinator, a gate and the three nodes of the demo. */
export interface Network extends Servers {
  lab: Lab;
  links: Record<"alice" | "bob" | "carol", Process>;
  host(name: string): Host;
}

/** Builds the demo's world without any program. */
export async function emptyHomes(): Promise<Lab> {
  const lab = new Lab();
  await buildHomes(lab);
  return lab;
}

/** The three nodes join with one token, and are up. */
export async function joinThree(host: (name: string) => Host): Promise<Network["links"]> {
  const [alice, bob, carol] = await admit(host("alice"), ["alice", "bob", "carol"].map(host));
  return { alice: alice!, bob: bob!, carol: carol! };
}

/** Builds the demo's world with all programs running and every pair on the direct rung. */
export async function homes(): Promise<Network> {
  const lab = await emptyHomes();
  const host = (name: string) => lab.host(name);
  const servers = await startNetwork(lab, host("alice"));
  const links = await joinThree(host);
  await waitForRung(host("alice"), "bob", "direct");
  await waitForRung(host("alice"), "carol", "direct");
  await waitForRung(host("bob"), "carol", "direct");
  return { lab, ...servers, links, host };
}

/** The IPv4 address of a peer, once a host's daemon knows it. */
export async function addressOf(host: Host, peer: string): Promise<string> {
  const found = await waitFor(
    `${host.name} to see ${peer}`,
    async () => (await peers(host)).find((p) => p.name === peer),
  );
  return ipv4Of(found.addresses);
}

/** A name server of the world outside, on port 53 of a host: every name under `.test` has this address there. */
export async function nameServer(host: Host, address: string): Promise<Process> {
  const server = helper(host, "upstream_dns", address);
  await server.line(/serving/);
  return server;
}

/** The first address (or name) that the C library gives; "" for none. `tcp` has it ask over TCP. */
export async function lookUp(host: Host, database: string, key: string, o: { tcp?: boolean } = {}): Promise<string> {
  const env = o.tcp ? { RES_OPTIONS: "use-vc" } : {};
  const { stdout } = await host.run(["getent", database, key], { codes: "any", env });
  const [address = "", name = ""] = stdout.split("\n")[0]!.trim().split(/\s+/);
  return database === "hosts" ? name : address;
}

/** Waits until one ping is answered. */
export async function reaches(host: Host, address: string): Promise<void> {
  const ping = ["ping", "-c", "1", "-W", "1", address];
  await waitFor(`${host.name} to reach ${address}`, async () => (await host.run(ping, { codes: "any" })).code === 0);
}

/** Waits until the daemon follows the coordinator and has a gate session. */
export async function connected(host: Host): Promise<void> {
  await waitFor(`${host.name} to be connected`, async () => {
    const now = await status(host);
    return now.network.connected && now.gates.some((gate) => gate.connected);
  });
}

/** The process id of the TURN service on a gate's host; 0 while there is none. */
export async function coturnOf(gate: Host): Promise<number> {
  return Number((await gate.sh("pgrep -n --ns $$ --nslist net turnserver || echo 0")).stdout.trim());
}

/** Starts a program of tests/lab/testdata on a host. */
export function helper(host: Host, file: string, ...args: string[]): Process {
  const deno = ["run", "--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=tools"];
  return host.spawn(file, [Deno.execPath(), ...deno, join(PROJECT, "tests", "lab", "testdata", `${file}.ts`), ...args]);
}

/** What a `talk.ts hold` has been answered so far. */
export function answersTo(client: Process): number {
  return client.lines.filter(({ text }) => text.startsWith("answered ")).length;
}

/** Waits until more and more packets of a `talk.ts hold` are dropped, and gives how many answers it got after the first of them. */
export async function answersAfterDrops(client: Process, dropped: () => Promise<number>): Promise<number> {
  const first = await dropped();
  await waitFor("a dropped packet", async () => await dropped() > first);
  const [before, then] = [answersTo(client), await dropped()];
  await waitFor("more of them", async () => await dropped() >= then + 2);
  return answersTo(client) - before;
}

/** Later than this and WireGuard drops a packet as a replay (RFC 6479; the kernel's and wireguard-go's windows are about 8,000). */
const WINDOW = 8_000;

/** Asserts that no answer came so late that WireGuard would have dropped it. */
export function inWindow({ reordered }: PingResult): void {
  assert.ok(reordered < WINDOW, `${reordered} packets late`);
}

/** What a program may leave on a machine: interfaces, addresses, routes, rules, and the files of the state folders. */
export async function snapshot(host: Host): Promise<string> {
  const { stdout } = await host.sh(`
    ip -br link | grep -v '^bare' | awk '{print $1}'
    ip -br address | awk '{$2=""; print}' | sed 's/ fe80:[^ ]*//'
    { ip route show table all; ip rule; ip -6 rule; } | grep -v -e fe80:: -e ff00::
    nft list ruleset
    cd /var/lib && find ghostmesh ghostgate ghostlink -type f -exec sha256sum {} + | sort -k2
  `);
  return stdout.replace(/ (?:expires|age) \S+/g, "");
}

/** Asserts that a program refused: its exit code, one line for people that fits, and no stack. */
export function assertRefusal(output: Output, pattern: RegExp, code = 1): void {
  const lines = output.stderr.trim().split("\n").filter((line) => !/ (?:debug|info|warn) ghost\w+: /.test(line));
  assert.equal(output.code, code, output.stderr);
  assert.equal(lines.length, 1, output.stderr);
  assert.match(lines[0]!, pattern);
  assert.doesNotMatch(output.stderr, /^\s+at /m);
}

/** A test that needs a world; elsewhere it is left out. Programs run on between the tests of a file. */
export function labTest(name: string, body: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, ignore: !inWorld(), sanitizeOps: false, sanitizeResources: false, fn: body });
}

/** Makes one fixture for all tests of a file; the programs' last lines are shown when a test fails. */
export function fixture<T extends { lab: Lab } | Lab>(
  make: () => Promise<T>,
): (name: string, body: (it: T, t: Deno.TestContext) => Promise<void>) => void {
  let made: Promise<T> | undefined;
  const labOf = (it: T): Lab => it instanceof Lab ? it : it.lab;
  if (inWorld()) {
    Deno.test.afterAll(async () => {
      const it = await made?.catch(() => undefined);
      if (it !== undefined) await labOf(it).dispose();
    });
  }
  return (name, body) =>
    labTest(name, async (t) => {
      const it = await (made ??= make());
      try {
        await body(it, t);
      } catch (error) {
        console.error(labOf(it).logs(12));
        throw error;
      }
    });
}

export { PROJECT };
