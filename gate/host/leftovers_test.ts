import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import type { Runner } from "../../mesh/host/runner.ts";
import { clearLeftovers, forgetTable, noteTable } from "./leftovers.ts";

Deno.test("clearLeftovers() removes the tables that this state folder has made and puts forwarding back, once", async () => {
  const stateDir = await Deno.makeTempDir();
  let ran: string[] = [];
  const runner = {
    run: (program: string, args: string[], o?: { stdin?: string }) => {
      const tool = program.split("/").at(-1);
      ran.push(tool === "nft" ? o!.stdin!.trim().split("\n").at(-1)! : args.join(" "));
      const stdout = args.at(-1) === "kernel/random/boot_id" ? "boot-1\n" : "0\n";
      return Promise.resolve({ code: 0, stdout, stderr: "" });
    },
  } as unknown as Runner;
  const clear = () =>
    clearLeftovers({ stateDir, runner, log: createLog("test", { write: (line) => assert.fail(line) }) });
  await clear();
  assert.equal(ran.length, 0);
  for (const table of ["ghostgate_40000", "ghostgate_50000", "ghostgate_turn"]) await noteTable(stateDir, table);
  await forgetTable(stateDir, "ghostgate_50000"); // a gate that ended as it should
  await Deno.writeTextFile(`${stateDir}/tables/x; flush ruleset`, "");
  const values = [{ key: "net/ipv4/conf/eth0/forwarding", before: "0" }];
  await Deno.writeTextFile(`${stateDir}/forwarding.json`, JSON.stringify({ version: 1, boot: "boot-1", values }));
  await clear();
  assert.ok(ran.includes("-q -w net/ipv4/conf/eth0/forwarding=0"), ran.join("\n"));
  assert.deepEqual(ran.filter((line) => line.startsWith("delete")), [
    "delete table inet ghostgate_40000",
    "delete table inet ghostgate_turn",
  ]);
  ran = [];
  await clear();
  assert.equal(ran.length, 0);
  await Deno.remove(stateDir, { recursive: true });
});
