/**
 * ghostlink, the client daemon: `join` enrols this machine and goes on as the daemon, `run` starts it from its saved state.
 * See link/host/daemon.ts for what the daemon does.
 */
import { Command } from "@commander-js/extra-typings";
import { loadLinkConfig } from "./host/config.ts";
import { join, type Joined, type Machine } from "./host/join.ts";
import { askDaemon } from "./host/local_client.ts";
import { defaultSocket } from "./host/local_api.ts";
import { joinByOidc } from "./host/login/join.ts";
import { logInAgain } from "./host/login/again.ts";
import { joinByCertificate } from "./host/login/mtls.ts";
import { random } from "./host/random.ts";
import { runDaemon } from "./host/run.ts";
import { NodeState } from "./host/state.ts";
import { runMain } from "../mesh/host/exit.ts";
import { createLog } from "../mesh/host/log.ts";
import { openStateDir } from "../mesh/host/state_dir.ts";
import { fetchJson } from "../mesh/wire/fetch_json.ts";
import { renderUnicodeCompact } from "uqr";
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

/** Asks a person whether this network is the one that is meant; a script has nobody to ask. */
const confirmNetwork = Deno.stdin.isTerminal()
  ? (network: { id: string; name: string }) =>
    Promise.resolve(confirm(`The server's network is "${network.name}", ${network.id}. Is that the one you mean?`))
  : null;

interface JoinFlags extends Common {
  server?: string | undefined;
  network?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  browser?: boolean | undefined;
  name?: string | undefined;
}

/** Joins without a token, by a certificate. */
async function joinMtls(o: JoinFlags): Promise<{ state: NodeState; joined: Joined }> {
  const need = (value: string | undefined, place: string, mend: string): string => {
    if (value !== undefined) return value;
    throw new GhostError("bad_input", "Missing", { place, mend });
  };
  const server = need(o.server, "--server", "name the coordinator and its network: --server HOST#ID");
  const cert = need(o.cert, "--cert", "name the certificate's file (PEM, its intermediates after it)");
  const key = need(o.key, "--key", "name the file of the certificate's key (PEM)");
  const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
  using _lock = await state.lock();
  const joined = await joinByCertificate(state, {
    server,
    network: o.network,
    files: { cert, key },
    ...(o.name === undefined ? {} : { name: o.name }),
    machine: machine(),
    confirm: confirmNetwork,
    random,
    now: () => Date.now(),
  });
  return { state, joined };
}

/** How a log-in reaches its user: an address to open, and on a terminal its QR code for the telephone at hand. */
function loginWorld(browser: boolean) {
  return {
    browser,
    show(url: string) {
      console.log(browser ? "Open this in a browser on this machine:" : "Open this in a browser, on any machine:");
      console.log(url);
      if (!browser && Deno.stdout.isTerminal()) console.log(renderUnicodeCompact(url, { border: 1 }));
    },
    fetchJson,
    random,
    now: () => Date.now(),
  };
}

/** Joins without a token, by a log-in. */
async function joinOidc(o: JoinFlags): Promise<{ state: NodeState; joined: Joined }> {
  if (o.server === undefined) {
    const mend = "name the coordinator and its network: --server HOST#ID";
    throw new GhostError("bad_input", "Missing", { place: "--server", mend });
  }
  const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
  using _lock = await state.lock();
  const joined = await joinByOidc(state, {
    ...loginWorld(o.browser ?? false),
    server: o.server,
    network: o.network,
    ...(o.name === undefined ? {} : { name: o.name }),
    machine: machine(),
    confirm: confirmNetwork,
  });
  return { state, joined };
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
    .option(
      "--server <host>",
      "the coordinator, if it is not the one that the token names; without a token HOST#NETWORK-ID",
    )
    .requiredOption(
      "--auth <token>",
      "the join token; - reads it from standard input, @FILE from a file; or mtls, to come in by a certificate; or oidc, to log in",
    )
    .option("--network <id>", "without a token: the network's id, if --server does not have it")
    .option("--cert <file>", "for --auth mtls: the certificate, its intermediates after it (PEM)")
    .option("--key <file>", "for --auth mtls: its key (PEM), which stays where it is")
    .option("--browser", "for --auth oidc: the browser runs on this machine")
    .option("--name <name>", "the machine's name in the network (default: its host name)")
    .option("--enrol-only", "stop after enrolling")
    .option("--state-dir <dir>", "where keys and state are kept")
    .option("--socket <path>", "the daemon's local socket")
    .option("--config <file>", "ghostlink.toml")
    .action(async (o) => {
      if (o.auth === "mtls" || o.auth === "oidc") {
        const { state, joined } = o.auth === "mtls" ? await joinMtls(o) : await joinOidc(o);
        console.log(`joined as ${joined.network.name} (${joined.addresses.join(", ")})`);
        if (!o.enrolOnly) await serve(state, o);
        return;
      }
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

  program.command("login")
    .description("log in again, before or after the log-in of this machine has ended")
    .option("--browser", "the browser runs on this machine")
    .option("--state-dir <dir>", "where keys and state are kept")
    .option("--socket <path>", "the daemon's local socket")
    .action(async (o) => {
      const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
      const socket = o.socket ?? defaultSocket((name) => Deno.env.get(name), Deno.uid());
      const who = await logInAgain(state, { ...loginWorld(o.browser ?? false), socket });
      console.log(`logged in as ${who}`);
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
