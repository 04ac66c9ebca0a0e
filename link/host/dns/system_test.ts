import assert from "node:assert/strict";
import { type Runner, systemRunner } from "../../../mesh/host/runner.ts";
import { systemWay } from "./system.ts";

const WANTED = { server: "100.127.255.254", search: ["home.ghost"], domains: ["corp.example", "64.100.in-addr.arpa"] };

/** A machine with these programs and this resolv.conf. */
async function machine(tools: string[], text: string, answers: Record<string, () => string> = {}) {
  const dir = await Deno.makeTempDir();
  const resolvConf = `${dir}/resolv.conf`;
  await Deno.writeTextFile(resolvConf, text);
  const ran: string[] = [];
  const runner: Runner = {
    spawn: systemRunner.spawn,
    run(cmd, args, o) {
      ran.push([cmd, ...args, ...(typeof o?.stdin === "string" ? [JSON.stringify(o.stdin)] : [])].join(" "));
      return Promise.resolve({ code: 0, stdout: answers[args[0]!]?.() ?? "", stderr: "" });
    },
  };
  const find = (name: string) => Promise.resolve(tools.includes(name) ? `/usr/bin/${name}` : null);
  const open = () =>
    systemWay({ runner, iface: "ghost0", resolvConf, file: `${dir}/saved.json`, uplinks: `${dir}/uplinks`, find });
  const read = () => Deno.readTextFile(resolvConf);
  return {
    open,
    ran,
    read,
    resolvConf,
    uplinks: `${dir}/uplinks`,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("systemWay() tells systemd-resolved of our domains alone, once, and takes it back", async () => {
  const answers = { dns: () => "Link 7 (ghost0): 100.127.255.254\n" };
  await using m = await machine(["resolvectl", "resolvconf"], "nameserver 127.0.0.53\n", answers);
  const way = await m.open();
  await way.apply(WANTED);
  await way.apply(WANTED);
  await Deno.writeTextFile(m.uplinks, "nameserver 192.0.2.53\n");
  assert.deepEqual(await way.upstreams(), ["192.0.2.53"]);
  await way.restore();
  assert.deepEqual(m.ran.filter((line) => line !== "/usr/bin/resolvectl dns ghost0"), [
    "/usr/bin/resolvectl dns ghost0 100.127.255.254",
    "/usr/bin/resolvectl domain ghost0 home.ghost ~corp.example ~64.100.in-addr.arpa",
    "/usr/bin/resolvectl default-route ghost0 false",
    "/usr/bin/resolvectl dnssec ghost0 no",
    "/usr/bin/resolvectl dnsovertls ghost0 no",
    "/usr/bin/resolvectl revert ghost0",
  ]);
  assert.equal(await m.read(), "nameserver 127.0.0.53\n");
});

Deno.test("systemWay() tells them again when the interface was made anew, or somebody took our record out", async () => {
  let link = "Link 7 (ghost0): 100.127.255.254\n";
  let records = RECORDS;
  const answers = { dns: () => link, "--version": () => "openresolv 3.12.0\n", "-l": () => records };
  for (
    const [tools, text, told] of [
      [["resolvectl"], "nameserver 127.0.0.53\n", /resolvectl default-route/],
      [["resolvconf"], "nameserver 192.0.2.53\n", /resolvconf -x -a/],
    ] as const
  ) {
    await using m = await machine([...tools], text, answers);
    const way = await m.open();
    const times = () => m.ran.filter((line) => told.test(line)).length;
    await way.apply(WANTED);
    await way.apply(WANTED);
    assert.equal(times(), 1, "nothing is lost");
    link = "Link 8 (ghost0):\n";
    records = RECORDS.slice(0, RECORDS.indexOf("\n\n") + 1);
    await way.apply(WANTED);
    assert.equal(times(), 2, tools[0]);
    link = "Link 8 (ghost0): 100.127.255.254\n";
    records = RECORDS;
    await way.apply(WANTED);
    assert.equal(times(), 2);
  }
});

const RECORDS = `# resolv.conf from eth0.dhcp
nameserver 192.0.2.53
search lan

# resolv.conf from ghost0.ghostlink
nameserver 100.127.255.254
`;

Deno.test("systemWay() uses openresolv, takes a crash's entry back first, and asks the servers of the others", async () => {
  let records = RECORDS;
  const answers = { "--version": () => "openresolv 3.12.0\n", "-l": () => records };
  await using m = await machine(["resolvectl", "resolvconf"], "nameserver 192.0.2.53\n", answers);
  const way = await m.open();
  await way.apply(WANTED);
  assert.deepEqual(await way.upstreams(), ["192.0.2.53"]);
  records = records.replaceAll("192.0.2.53", "192.0.2.54"); // DHCP
  await way.apply(WANTED);
  assert.deepEqual(await way.upstreams(), ["192.0.2.54"]);
  await way.restore();
  assert.deepEqual(m.ran.filter((line) => !/ (-l|--version)$/.test(line)), [
    "/usr/bin/resolvconf -f -d ghost0.ghostlink",
    '/usr/bin/resolvconf -x -a ghost0.ghostlink "nameserver 100.127.255.254\\nsearch home.ghost lan\\n"',
    "/usr/bin/resolvconf -f -d ghost0.ghostlink",
  ]);
});

Deno.test("systemWay() tells Debian's older resolvconf apart, which knows neither -x nor -f", async () => {
  const answers = { "--version": () => "Debian resolvconf 1.91+nmu1\n", "-l": () => RECORDS };
  await using m = await machine(["resolvconf"], "nameserver 192.0.2.53\n", answers);
  const way = await m.open();
  await way.apply(WANTED);
  await way.restore();
  assert.deepEqual(m.ran.filter((line) => !/ (-l|--version)$/.test(line)), [
    "/usr/bin/resolvconf -d lo.ghostlink-ghost0",
    '/usr/bin/resolvconf -a lo.ghostlink-ghost0 "nameserver 100.127.255.254\\nsearch home.ghost\\n"',
    "/usr/bin/resolvconf -d lo.ghostlink-ghost0",
  ]);
  await using other = await machine(["resolvconf"], "", { "--version": () => "systemd 252 (252.39)\n" });
  assert.equal((await other.open()).name, "file");
});

Deno.test("systemWay() keeps what others write into resolv.conf, and never puts an old text over theirs", async () => {
  await using m = await machine([], "nameserver 192.0.2.1\n");
  const way = await m.open();
  await way.apply(WANTED);
  assert.match(await m.read(), /nameserver 100\.127\.255\.254\n/);
  await Deno.writeTextFile(m.resolvConf, "nameserver 192.0.2.2\n"); // DHCP
  await way.apply(WANTED);
  assert.deepEqual(await way.upstreams(), ["192.0.2.2"]);
  await m.open(); // after a crash
  assert.equal(await m.read(), "nameserver 192.0.2.2\n");

  await way.apply(WANTED);
  await Deno.writeTextFile(m.resolvConf, "nameserver 192.0.2.3\n");
  await way.restore();
  assert.equal(await m.read(), "nameserver 192.0.2.3\n");
});
