/** Rows 4 and 25: the machine itself. Other users, browsers and the network at the daemon's local API; and name resolution. */
import assert from "node:assert/strict";
import type { Host } from "../../../scripts/lab/lab.ts";
import { waitFor } from "../../../scripts/lab/process.ts";
import { status } from "../../../scripts/lab/programs.ts";
import { OFFICE } from "../../../scripts/lab/topology.ts";
import { addressOf, fixture, homes, reaches } from "../../lab/support.ts";

const test = fixture(homes);
const RESOLVER = "100.127.255.254";
const SOCKET = "/run/ghostlink/ghostlink.sock";

/** A request by curl over the socket, with the status code and the body. */
async function ask(host: Host, path: string, ...options: string[]): Promise<{ status: number; body: string }> {
  const output = await host.run([
    "curl",
    "-s",
    "--max-time",
    "5",
    "--path-as-is",
    "--unix-socket",
    SOCKET,
    "-w",
    "\n%{http_code}",
    ...options,
    `http://ghostlink${path}`,
  ], { codes: "any" });
  const at = output.stdout.lastIndexOf("\n");
  return { status: Number(output.stdout.slice(at + 1)), body: output.stdout.slice(0, at) };
}

test("row 4: the local API answers only who holds its secret, by its own name and from no web page", async (net) => {
  const bob = net.host("bob");
  const secret = (await bob.run(["cat", "/run/ghostlink/token"])).stdout.trim();
  const bearer = ["-H", `Authorization: Bearer ${secret}`];
  assert.equal((await ask(bob, "/v1/status", ...bearer)).status, 200, "the honest request");
  const attempts: string[][] = [
    [],
    ["-H", "Authorization: Bearer "],
    ["-H", `Authorization: Bearer ${secret.slice(0, -1)}`],
    ["-H", `Authorization: Bearer ${secret}x`],
    ["-H", `Authorization: bearer ${secret}`],
    ["-H", `Authorization: Basic ${secret}`],
    ["-H", `Cookie: token=${secret}`],
    [...bearer, "-H", "Origin: http://ghostlink"],
    [...bearer, "-H", "Origin: https://evil.example"],
    [...bearer, "-H", "Origin: null"],
    [...bearer, "-H", "Host: evil.example"],
    [...bearer, "-H", "Host: localhost"],
    [...bearer, "-H", "Host: 127.0.0.1:80"],
    [...bearer, "-H", "Host: ghostlink.evil.example"],
  ];
  for (const options of attempts) {
    for (const path of ["/v1/status", "/v1/peers", "/v1/routes"]) {
      const { status, body } = await ask(bob, path, ...options);
      assert.ok(status === 401 || status === 403, `${options.join(" ")}: ${status}`);
      assert.doesNotMatch(body, /fd[0-9a-f]{2}:|100\./);
    }
    const before = (await bob.run(["wg", "show", "all", "public-key"])).stdout;
    const rotate = await ask(bob, "/v1/keys/rotate", "-X", "POST", ...options);
    assert.ok(rotate.status === 401 || rotate.status === 403, options.join(" "));
    const joins = await ask(bob, "/v1/join", "-X", "POST", "-d", '{"auth":"ghost1_AAAA"}', ...options);
    assert.ok(joins.status === 401 || joins.status === 403, options.join(" "));
    assert.equal((await bob.run(["wg", "show", "all", "public-key"])).stdout, before);
  }
  const query = await ask(bob, `/v1/status?authorization=${secret}`);
  assert.equal(query.status, 401);
});

test("row 4: another user reaches neither socket nor secret, nor the admin's key", async (net) => {
  const alice = net.host("alice");
  const other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const fails = async (...argv: string[]) => {
    const output = await alice.run([...other, ...argv], { codes: "any" });
    assert.notEqual(output.code, 0, argv.join(" "));
    assert.doesNotMatch(output.stdout, /[A-Za-z0-9_-]{40}/, argv.join(" "));
  };
  await fails("curl", "-s", "--unix-socket", SOCKET, "http://ghostlink/v1/status");
  await fails("cat", "/run/ghostlink/token");
  await fails("ls", "/run/ghostlink");
  await fails("cat", "/var/lib/ghostlink/identity.json");
  await fails("ls", "/var/lib/ghostlink");
  await fails("sh", "-c", "cat /run/home/.config/ghostctl/*.json");
});

test("row 4: the daemon listens on no TCP port but its resolver's, which only this machine reaches", async (net) => {
  for (const name of ["alice", "bob", "carol"]) {
    const tcp = (await net.host(name).run(["ss", "-Hltn"])).stdout.trim().split("\n").filter(Boolean);
    assert.ok(tcp.every((line) => line.split(/\s+/)[3] === `${RESOLVER}:53`), `${name}: ${tcp.join()}`);
  }
});

test("row 4: malformed and oversized requests leave the daemon as it was", async (net) => {
  const bob = net.host("bob");
  const secret = (await bob.run(["cat", "/run/ghostlink/token"])).stdout.trim();
  const bearer = ["-H", `Authorization: Bearer ${secret}`];
  await bob.sh("head -c 2000000 /dev/zero | tr '\\0' a > big");
  const bodies = [
    "",
    "{",
    "[]",
    "null",
    '{"peer":1}',
    '{"peer":"x","count":1e9}',
    `{"auth":${"[".repeat(5000)}`,
    "@big",
  ];
  for (const path of ["/v1/ping", "/v1/join", "/v1/nothing", "/../../etc/passwd"]) {
    for (const body of bodies) {
      const { status, body: answer } = await ask(bob, path, "-X", "POST", "--data-binary", body, ...bearer);
      assert.ok(status >= 400 && status < 600 && status !== 500, `${path} ${body.slice(0, 20)}: ${status} ${answer}`);
      assert.doesNotMatch(answer, /root:|\bat .*\.ts/);
    }
  }
  assert.ok(net.links.bob.running);
  await reaches(net.host("alice"), await addressOf(net.host("alice"), "bob"));
});

test("row 25: with names led to our resolver, neither it nor routes through the tunnel come between us and coordinator or gates", async (net) => {
  const alice = net.host("alice");
  await alice.ctl(["route", "add", OFFICE, "via", "carol"]);
  for (const name of ["alice", "bob", "carol"]) {
    const host = net.host(name);
    const { interface: iface } = (await status(host)).self;
    await waitFor(
      `${name}'s resolver`,
      async () => (await host.run(["cat", "/etc/resolv.conf"])).stdout.includes(RESOLVER),
    );
    const listening = (await host.run(["ss", "-Hlun", "sport = :53"])).stdout.trim().split("\n");
    assert.deepEqual(listening.map((line) => line.split(/\s+/)[3]), [`${RESOLVER}:53`], `${name}: who answers names`);
    assert.ok((await status(host)).network.connected);
    for (const own of ["203.0.113.10", "203.0.113.20"]) {
      const route = (await host.run(["ip", "route", "get", own])).stdout;
      assert.ok(!route.includes(`dev ${iface}`), `${name} reaches ${own} through the tunnel: ${route}`);
    }
  }
});
