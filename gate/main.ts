/**
 * ghostgate, the relay: sessions over QUIC and STUN for the nodes of one network. See gate/host/run.ts for what it does.
 */
import { createHmac } from "node:crypto";
import { Command } from "@commander-js/extra-typings";
import { checkHost, findingLines } from "./host/check.ts";
import { loadGateConfig } from "./host/config.ts";
import { runGate } from "./host/run.ts";
import { GateState } from "./host/state.ts";
import { outliveStrays, runMain } from "../mesh/host/exit.ts";
import { createLog } from "../mesh/host/log.ts";
import { systemRunner } from "../mesh/host/runner.ts";
import { openStateDir } from "../mesh/host/state_dir.ts";
import { oneLineUsage, usageExitCode } from "../mesh/host/usage.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import { VERSION } from "../mesh/wire/version.ts";

/** `-` reads the token from standard input, `@FILE` from a file; anything else is the token. */
async function readAuth(text: string): Promise<string> {
  if (text === "-") return await new Response(Deno.stdin.readable).text();
  if (!text.startsWith("@")) return text;
  try {
    return await Deno.readTextFile(text.slice(1));
  } catch (cause) {
    const mend = "check the file's name and its mode";
    throw new GhostError("bad_token", "Cannot read the token's file", { place: text.slice(1), mend, cause });
  }
}

async function main(): Promise<number> {
  const program = oneLineUsage(new Command("ghostgate"), "ghostgate")
    .description("The GhostMesh relay")
    .option("--config <file>", "ghostgate.toml (without it, everything has its default)")
    .option("--server <host>", "the coordinator, if it is not the one that the token names")
    .option(
      "--auth <token>",
      "a token of `ghostctl token create --gate`; - reads it from standard input, @FILE from a file",
    )
    .option("--state-dir <dir>", "where keys and state are kept")
    .argument("[check]", "say what this host lacks to relay at full rate, and what to type; starts nothing")
    .version(VERSION);
  try {
    program.parse(Deno.args, { from: "user" });
  } catch (error) {
    return usageExitCode(error);
  }
  const o = program.opts();
  const config = await loadGateConfig(o.config);
  const [verb] = program.processedArgs;
  if (verb !== undefined && verb !== "check") {
    throw new GhostError("bad_input", `Unknown command "${verb}"`, { mend: "ghostgate check, or ghostgate --help" });
  }
  if (verb === "check") {
    const interfaces = Deno.networkInterfaces().filter((i) => !/^(?:127\.|::1$|fe80:)/i.test(i.address)).map((i) =>
      i.name
    );
    const findings = await checkHost({
      runner: systemRunner,
      ports: config.use_quic ? config.lanes : null,
      kernel: config.lanes_kernel,
      turn: config.fallback.includes("turn"),
      interfaces: [...new Set(interfaces)],
    });
    for (const line of findingLines(findings)) console.log(line);
    return findings.some((f) => f.lack !== null) ? 1 : 0;
  }
  const auth = o.auth === undefined ? undefined : await readAuth(o.auth);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => stop.abort());
  const log = createLog("ghostgate");
  outliveStrays(log);
  await runGate({
    config,
    file: o.config ?? "ghostgate.toml",
    command: ["ghostgate", o.config && `--config ${o.config}`, o.stateDir && `--state-dir ${o.stateDir}`]
      .filter((part) => part).join(" "),
    state: new GateState(await openStateDir("ghostgate", o.stateDir)),
    auth,
    server: o.server,
    signal: stop.signal,
    world: {
      log,
      now: () => Date.now(),
      clock: () => performance.now(),
      random: (n) => crypto.getRandomValues(new Uint8Array(n)),
      hostname: () => Deno.hostname(),
      interfaces: () => Deno.networkInterfaces().map((i) => ({ address: i.address, iface: i.name })),
      runner: systemRunner,
      hmac: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
    },
  });
  return 0;
}

await runMain(main, "ghostgate");
