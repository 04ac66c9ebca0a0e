import assert from "node:assert/strict";
import { type Runner, systemRunner } from "./runner.ts";
import { Forwarding } from "./forwarding.ts";

/** A sysctl over a map, as procps answers. */
class Sysctl implements Runner {
  readonly values = new Map<string, string>([["kernel/random/boot_id", "boot-1"]]);
  readonly writes: string[] = [];
  spawn = systemRunner.spawn;

  run(_cmd: string, args: readonly string[]) {
    const answer = (code: number, stdout: string, stderr = "") => Promise.resolve({ code, stdout, stderr });
    if (args[0] === "-a") {
      const pattern = new RegExp(args[2]!);
      const lines = [...this.values].map(([key, value]) => {
        const name = key.split("/").map((part) => part.replaceAll(".", "/")).join(".");
        return `${name} = ${value}`;
      });
      return answer(0, lines.filter((line) => pattern.test(line.split(" ")[0]!)).map((l) => `${l}\n`).join(""));
    }
    const [key, value] = args.at(-1)!.split("=") as [string, string | undefined];
    const old = this.values.get(key);
    if (old === undefined) return answer(1, "", `sysctl: cannot stat /proc/sys/${key}: No such file or directory\n`);
    if (value === undefined) return answer(0, `${old}\n`);
    this.writes.push(`${key}=${value}`);
    this.values.set(key, value);
    return answer(0, "");
  }
}

const four = (iface: string) => `net/ipv4/conf/${iface}/forwarding`;

async function fresh(o: { force: boolean }) {
  const sysctl = new Sysctl();
  for (const iface of ["all", "default", "lo", "ghost0", "eth0", "eth1.5"]) {
    sysctl.values.set(four(iface), "0");
    sysctl.values.set(`net/ipv6/conf/${iface}/forwarding`, "0");
    sysctl.values.set(`net/ipv6/conf/${iface}/accept_ra`, iface === "eth1.5" ? "0" : "1");
    if (o.force) sysctl.values.set(`net/ipv6/conf/${iface}/force_forwarding`, "0");
  }
  const dir = await Deno.makeTempDir();
  const file = `${dir}/forwarding.json`;
  const make = () => new Forwarding({ runner: sysctl, tools: { sysctl: "/usr/sbin/sysctl" }, iface: "ghost0", file });
  return { sysctl, make, file, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("Forwarding.set() switches just the named interfaces on and tells which to guard", async () => {
  await using world = await fresh({ force: true });
  world.sysctl.values.set(four("eth0"), "1");
  const before = new Map(world.sysctl.values);
  const forwarding = world.make();
  const guards = await forwarding.set([
    { iface: "eth0", family: 4 },
    { iface: "eth1.5", family: 4 },
    { iface: "eth1.5", family: 6 },
  ]);
  assert.deepEqual(guards, [{ iface: "eth1.5", family: 4 }, { iface: "eth1.5", family: 6 }]);
  assert.deepEqual(world.sysctl.writes, [
    "net/ipv4/conf/ghost0/forwarding=1",
    "net/ipv4/conf/eth1.5/forwarding=1",
    "net/ipv6/conf/ghost0/force_forwarding=1",
    "net/ipv6/conf/eth1.5/force_forwarding=1",
  ]);
  await forwarding.restore();
  for (const [key, value] of before) {
    if (!key.includes("ghost0")) assert.equal(world.sysctl.values.get(key), value, key);
  }
  await assert.rejects(Deno.stat(world.file));
});

Deno.test("Forwarding on an older kernel keeps router advertisements coming, and guards the whole machine", async () => {
  await using world = await fresh({ force: false });
  const before = new Map(world.sysctl.values);
  const forwarding = world.make();
  const egress = [{ iface: "eth0", family: 6 }] as const;
  assert.deepEqual(await forwarding.set(egress), [{ iface: null, family: 6 }]);
  assert.deepEqual(world.sysctl.writes, [
    "net/ipv6/conf/lo/accept_ra=2",
    "net/ipv6/conf/ghost0/accept_ra=2",
    "net/ipv6/conf/eth0/accept_ra=2",
    "net/ipv6/conf/all/forwarding=1",
  ]);
  assert.deepEqual(await forwarding.set(egress), [{ iface: null, family: 6 }]);
  await forwarding.restore();
  assert.deepEqual(world.sysctl.values, before);
});

Deno.test("Forwarding.recover() puts back what a crash left, but not after a reboot", async () => {
  await using world = await fresh({ force: true });
  await world.make().set([{ iface: "eth0", family: 4 }]);
  assert.equal(world.sysctl.values.get(four("eth0")), "1");
  await world.make().recover();
  assert.equal(world.sysctl.values.get(four("eth0")), "0");

  await world.make().set([{ iface: "eth0", family: 4 }]);
  world.sysctl.values.set("kernel/random/boot_id", "boot-2");
  await world.make().recover();
  assert.equal(world.sysctl.values.get(four("eth0")), "1");
  await assert.rejects(Deno.stat(world.file));
});

Deno.test("Forwarding.restore() passes over an interface that is gone", async () => {
  await using world = await fresh({ force: true });
  const forwarding = world.make();
  await forwarding.set([{ iface: "eth0", family: 4 }]);
  world.sysctl.values.delete(four("eth0"));
  await forwarding.restore();
  await assert.rejects(Deno.stat(world.file));
});

Deno.test("Forwarding leaves to others what they have switched on meanwhile, for the whole machine", async () => {
  await using world = await fresh({ force: true });
  const egress = [{ iface: "eth0", family: 4 }, { iface: "eth0", family: 6 }] as const;
  const forwarding = world.make();
  assert.equal((await forwarding.set(egress)).length, 2);
  assert.equal(await forwarding.yielded(), false);
  // What `sysctl net.ipv4.ip_forward=1` does.
  for (const iface of ["all", "eth0", "eth1.5", "lo"]) world.sysctl.values.set(four(iface), "1");
  assert.equal(await forwarding.yielded(), true);
  assert.deepEqual(await forwarding.set(egress), [{ iface: "eth0", family: 6 }], "theirs is not guarded");
  assert.equal(await forwarding.yielded(), false);
  await forwarding.restore();
  assert.equal(world.sysctl.values.get(four("eth0")), "1");
  assert.equal(world.sysctl.values.get("net/ipv6/conf/eth0/force_forwarding"), "0");
});
