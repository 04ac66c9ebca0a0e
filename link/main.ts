/**
 * ghostlink, the client daemon: `join` enrols this machine and goes on as the daemon, `run` starts it from its saved state.
 * See link/host/daemon.ts for what the daemon does.
 */
import { Command } from "@commander-js/extra-typings";
import { loadLinkConfig } from "./host/config.ts";
import { join, type Machine } from "./host/join.ts";
import { askDaemon } from "./host/local_client.ts";
import { defaultSocket } from "./host/local_api.ts";
import { random } from "./host/random.ts";
import { runDaemon } from "./host/run.ts";
import { NodeState } from "./host/state.ts";
import { runMain } from "../mesh/host/exit.ts";
import { createLog } from "../mesh/host/log.ts";
import { openStateDir } from "../mesh/host/state_dir.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import { VERSION } from "../mesh/wire/version.ts";

interface Common {
  stateDir?: string | undefined;
  socket?: string | undefined;
  config?: string | undefined;
}

/** `-` reads the token from standard input, `@FILE` from a file; anything else is the token. */
async function readAuth(text: string): Promise<string> {
  if (text === "-") return (await new Response(Deno.stdin.readable).text()).trim();
  if (!text.startsWith("@")) return text;
  try {
    return (await Deno.readTextFile(text.slice(1))).trim();
  } catch (error) {
    throw new GhostError("bad_token", "Cannot read the token's file", { place: text.slice(1), cause: error });
  }
}

function machine(): Machine {
  return { hostname: Deno.hostname(), os: `linux ${Deno.osRelease()}`.slice(0, 64), version: VERSION };
}

async function serve(state: NodeState, o: Common): Promise<void> {
  const config = await loadLinkConfig(o.config);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => stop.abort());
  await runDaemon({
    state,
    config,
    socket: o.socket ?? defaultSocket((name) => Deno.env.get(name), Deno.uid()),
    log: createLog("ghostlink"),
    say: (line) => console.log(line),
    machine: machine(),
    signal: stop.signal,
  });
}

async function main(): Promise<number> {
  let code = 0;
  const program = new Command("ghostlink")
    .description("The GhostMesh client daemon")
    .version(VERSION)
    .showSuggestionAfterError()
    .exitOverride();

  program.command("join")
    .description("enrol this machine and go on as the daemon")
    .option("--server <host>", "the coordinator, if it is not the one that the token names")
    .requiredOption("--auth <token>", "the join token; - reads it from standard input, @FILE from a file")
    .option("--name <name>", "the machine's name in the network (default: its host name)")
    .option("--enrol-only", "stop after enrolling")
    .option("--state-dir <dir>", "where keys and state are kept")
    .option("--socket <path>", "the daemon's local socket")
    .option("--config <file>", "ghostlink.toml")
    .action(async (o) => {
      const auth = await readAuth(o.auth);
      const request = {
        auth,
        ...(o.server === undefined ? {} : { server: o.server }),
        ...(o.name === undefined ? {} : { name: o.name }),
      };
      const socket = o.socket ?? defaultSocket((name) => Deno.env.get(name), Deno.uid());
      const running = await askDaemon(socket, request);
      if (running) {
        console.log(`joined as ${running.name} (${running.addresses.join(", ")}) by the daemon that runs already`);
        return;
      }
      const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
      const joined = await (async () => {
        using _lock = await state.lock();
        return await join(state, { ...request, machine: machine(), random, now: () => Date.now() });
      })();
      console.log(`joined as ${joined.network.name} (${joined.addresses.join(", ")})`);
      if (!o.enrolOnly) await serve(state, o);
    });

  program.command("run")
    .description("start the daemon from its saved state")
    .option("--config <file>", "ghostlink.toml")
    .option("--state-dir <dir>", "where keys and state are kept")
    .option("--socket <path>", "the daemon's local socket")
    .action(async (o) => {
      const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
      await serve(state, o);
    });

  try {
    await program.parseAsync(Deno.args, { from: "user" });
  } catch (error) {
    // commander has told what is wrong already; its errors carry an exit code.
    const exit = (error as { exitCode?: unknown }).exitCode;
    if (typeof exit !== "number") throw error;
    code = exit === 0 ? 0 : 2;
  }
  return code;
}

await runMain(main, "ghostlink");
