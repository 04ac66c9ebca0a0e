import assert from "node:assert/strict";
import type { Runner, RunOptions } from "../../mesh/host/runner.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { toWgKey } from "../../mesh/trust/keys.ts";
import type { WgStep } from "../core/plan/mod.ts";
import { parseEndpoint, parseWgDump, wgCalls, WireGuard } from "./wg.ts";

const DUMP = [
  "KG1Rv06EzytLpJVm8gKwHAW166aez7sMOEOqffZFPXY=\t7k4oVZH+F/Bh2MtedFJfQFMSioJgBLIZTJFoTQtcV28=\t51820\toff",
  "TsHcuUPlgcFvdCWMz2w954sZeu/2Z6KjsTE+8asyt0c=\t(none)\t192.0.2.1:33\t10.0.0.1/32,fd00::1/128\t1700000000\t148\t92\t25",
  "fHe1K9sDLA4VBvfTc2KsxC0oNL+gGZM0GgIIRNPBiFM=\t(none)\t[2001:db8::1]:51820\t(none)\t0\t0\t9007199254740000\toff",
  "gBF3KSfnhQqeTzTHKE4wJWxVvIVUfmZOOX2gWFhE2A0=\t(none)\t(none)\t10.9.0.0/16\t0\t0\t0\toff",
  "",
].join("\n");

Deno.test("parseWgDump() reads what wg prints and keeps no private key", () => {
  const state = parseWgDump(DUMP);
  assert.equal(state.publicKey, "7k4oVZH-F_Bh2MtedFJfQFMSioJgBLIZTJFoTQtcV28");
  assert.equal(state.listenPort, 51820);
  assert.deepEqual(state.peers[0], {
    publicKey: "TsHcuUPlgcFvdCWMz2w954sZeu_2Z6KjsTE-8asyt0c",
    endpoint: { address: "192.0.2.1", port: 33 },
    allowedIps: ["10.0.0.1/32", "fd00::1/128"],
    keepalive: 25,
    lastHandshake: 1_700_000_000_000,
    rxBytes: 148,
    txBytes: 92,
  });
  assert.deepEqual(state.peers[1]!.endpoint, { address: "2001:db8::1", port: 51820 });
  assert.deepEqual(state.peers[1]!.allowedIps, []);
  assert.equal(state.peers[2]!.endpoint, null);
  assert.ok(!JSON.stringify(state).includes("KG1Rv06E"));
});

Deno.test("parseWgDump() reads an interface without a key", () => {
  assert.deepEqual(parseWgDump("(none)\t(none)\t0\toff\n"), { publicKey: null, listenPort: 0, peers: [] });
});

Deno.test("parseWgDump() names the line of what it cannot read, and shows no key", () => {
  for (const bad of ["", "a\tb", DUMP.replace("148", "-1"), DUMP.replace("192.0.2.1:33", "nowhere"), DUMP + "x\n"]) {
    assert.throws(() => parseWgDump(bad), (error: unknown) => {
      assert.ok(error instanceof GhostError);
      assert.ok(!error.line.includes("KG1Rv06E"));
      return error.code === "bad_input";
    });
  }
});

Deno.test("parseEndpoint() takes both families and refuses the rest", () => {
  assert.deepEqual(parseEndpoint("[fe80::1%eth0]:7"), { address: "fe80::1", port: 7 });
  for (const bad of ["1.2.3.4", "1.2.3.4:99999", "[::1]", "::1:7", "host:7"]) assert.throws(() => parseEndpoint(bad));
});

const key = (n: number) => `${String(n).padStart(42, "0")}A`;

Deno.test("wgCalls() puts 100 peers in a call, in the plan's order", () => {
  const steps: WgStep[] = Array.from({ length: 250 }, (_, n) => ({
    type: "peer",
    publicKey: key(n),
    endpoint: { address: "2001:db8::1", port: 7 },
    allowedIps: [`100.64.0.${n}/32`],
    keepalive: 25,
  }));
  const calls = wgCalls([...steps, { type: "remove", publicKey: key(300) }]);
  assert.deepEqual(calls.map((c) => c.args.filter((a) => a === "peer").length), [100, 100, 51]);
  assert.deepEqual(calls[0]!.args.slice(0, 8), [
    "peer",
    toWgKey(key(0)),
    "endpoint",
    "[2001:db8::1]:7",
    "persistent-keepalive",
    "25",
    "allowed-ips",
    "100.64.0.0/32",
  ]);
  assert.deepEqual(calls[2]!.args.slice(-3), ["peer", toWgKey(key(300)), "remove"]);
});

Deno.test("wgCalls() bounds the arguments and never names a peer twice in one call", () => {
  const wide = Array.from({ length: 64 }, (_, i) => `fd00:1111:2222:3333:4444:5555:6666:${i}/128`);
  const steps: WgStep[] = Array.from({ length: 60 }, (_, n) => ({ type: "peer", publicKey: key(n), allowedIps: wide }));
  for (const call of wgCalls(steps)) assert.ok(call.args.join(" ").length <= 64 * 1024);
  const twice: WgStep[] = [
    { type: "peer", publicKey: key(1), allowedIps: ["10.0.0.0/8"] },
    { type: "peer", publicKey: key(1), allowedIps: [] },
  ];
  assert.deepEqual(wgCalls(twice).map((c) => c.args.at(-1)), ["10.0.0.0/8", ""]);
});

Deno.test("WireGuard.apply() hands the private key over by standard input only", async () => {
  const calls: { args: readonly string[]; options: RunOptions | undefined }[] = [];
  const runner: Runner = {
    run: (_cmd, args, options) => {
      calls.push({ args, options });
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    },
    spawn: () => assert.fail("nothing to spawn"),
  };
  const wg = new WireGuard({ runner, tools: { wg: "/usr/bin/wg" }, iface: "ghost0" });
  await wg.apply([{ type: "device", publicKey: key(1), listenPort: 51820 }], () => key(2));
  assert.deepEqual(calls[0]!.args, ["set", "ghost0", "private-key", "/dev/stdin", "listen-port", "51820"]);
  assert.equal(calls[0]!.options?.stdin, `${toWgKey(key(2))}\n`);
});

Deno.test("WireGuard.apply() says that the port is taken, once somebody keeps it", async () => {
  const runner: Runner = {
    run: () => Promise.resolve({ code: 1, stdout: "", stderr: "Unable to modify interface: Address already in use\n" }),
    spawn: () => assert.fail("nothing to spawn"),
  };
  const wg = new WireGuard({ runner, tools: { wg: "/usr/bin/wg" }, iface: "ghost0" });
  await assert.rejects(wg.apply([{ type: "device", listenPort: 51820 }], () => ""), { code: "port_in_use" });
});

Deno.test("WireGuard.apply() takes a port that somebody had for a moment", async () => {
  let calls = 0;
  const taken = { code: 1, stdout: "", stderr: "Unable to modify interface: Address already in use\n" };
  const runner: Runner = {
    run: () => Promise.resolve(++calls < 3 ? taken : { code: 0, stdout: "", stderr: "" }),
    spawn: () => assert.fail("nothing to spawn"),
  };
  const wg = new WireGuard({ runner, tools: { wg: "/usr/bin/wg" }, iface: "ghost0" });
  await wg.apply([{ type: "device", listenPort: 51820 }], () => "");
  assert.equal(calls, 3);
});
