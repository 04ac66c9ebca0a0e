import assert from "node:assert/strict";
import { type Runner, systemRunner } from "../../../mesh/host/runner.ts";
import { systemWay } from "./system.ts";

const WANTED = { server: "100.127.255.254", search: ["home.ghost"], domains: ["corp.example", "64.100.in-addr.arpa"] };

/** A machine with these programs and this resolv.conf. */
async function machine(tools: string[], text: string) {
  const dir = await Deno.makeTempDir();
  const resolvConf = `${dir}/resolv.conf`;
  await Deno.writeTextFile(resolvConf, text);
  const ran: string[] = [];
  const runner: Runner = {
    spawn: systemRunner.spawn,
    run(cmd, args, o) {
      ran.push([cmd, ...args, ...(typeof o?.stdin === "string" ? [JSON.stringify(o.stdin)] : [])].join(" "));
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    },
  };
  const find = (name: string) => Promise.resolve(tools.includes(name) ? `/usr/bin/${name}` : null);
  const open = () => systemWay({ runner, iface: "ghost0", resolvConf, file: `${dir}/saved.json`, find });
  const read = () => Deno.readTextFile(resolvConf);
  return { open, ran, read, resolvConf, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("systemWay() tells systemd-resolved of our domains alone, once, and takes it back", async () => {
  await using m = await machine(["resolvectl", "resolvconf"], "nameserver 127.0.0.53\n");
  const way = await m.open();
  await way.apply(WANTED);
  await way.apply(WANTED);
  await way.restore();
  assert.deepEqual(m.ran, [
    "/usr/bin/resolvectl dns ghost0 100.127.255.254",
    "/usr/bin/resolvectl domain ghost0 home.ghost ~corp.example ~64.100.in-addr.arpa",
    "/usr/bin/resolvectl default-route ghost0 false",
    "/usr/bin/resolvectl revert ghost0",
  ]);
  assert.equal(await m.read(), "nameserver 127.0.0.53\n");
});

Deno.test("systemWay() uses resolvconf, takes a crash's entry back first, and asks the servers of before", async () => {
  await using m = await machine(["resolvectl", "resolvconf"], "nameserver 192.0.2.53\n");
  const way = await m.open();
  await way.apply(WANTED);
  assert.deepEqual(await way.upstreams(), ["192.0.2.53"]);
  await Deno.writeTextFile(m.resolvConf, "nameserver 100.127.255.254\n"); // as resolvconf does then
  await way.apply(WANTED);
  assert.deepEqual(await way.upstreams(), ["192.0.2.53"]);
  await way.restore();
  assert.deepEqual(m.ran, [
    "/usr/bin/resolvconf -f -d ghost0.ghostlink",
    '/usr/bin/resolvconf -x -a ghost0.ghostlink "nameserver 100.127.255.254\\nsearch home.ghost\\n"',
    "/usr/bin/resolvconf -f -d ghost0.ghostlink",
  ]);
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
