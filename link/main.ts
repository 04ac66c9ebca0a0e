/**
 * ghostlink, the client daemon: `join` enrols this machine and goes on as the daemon, `run` starts it from its saved state.
 * See link/host/daemon.ts for what the daemon does.
 */
import { Command } from "@commander-js/extra-typings";
import { type LinkConfig, loadLinkConfig } from "./host/config.ts";
import { join, type Joined, type JoinOptions, type Machine } from "./host/join.ts";
import { askDaemon } from "./host/local_client.ts";
import { checkSocket, defaultSocket } from "./host/local_api.ts";
import { logInAgain } from "./host/login/again.ts";
import { renewByToken } from "./host/login/again_by_token.ts";
import { loginWorld, WAYS } from "./host/login/ways.ts";
import { Feeds } from "./host/feeds.ts";
import { type Platform, thisPlatform } from "./host/platform.ts";
import { Preparing } from "./host/prepared.ts";
import { random } from "./host/random.ts";
import { runDaemon } from "./host/run.ts";
import { NodeState } from "./host/state.ts";
import { outliveStrays, runMain } from "../mesh/host/exit.ts";
import { thisUser } from "../mesh/host/places.ts";
import { openStateDir } from "../mesh/host/state_dir.ts";
import { oneLineUsage, usageExitCode } from "../mesh/host/usage.ts";
import { nodeIdOf } from "../mesh/trust/keys.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import { label } from "../mesh/wire/schema.ts";
import { VERSION } from "../mesh/wire/version.ts";

/** `-` reads the token from standard input, `@FILE` from a file; anything else is the token. */
async function readAuth(text: string): Promise<string> {
  if (text === "-") return (await new Response(Deno.stdin.readable).text()).trim();
  if (!text.startsWith("@")) return text;
  try {
    return (await Deno.readTextFile(text.slice(1))).trim();
  } catch (error) {
    const mend = "check the file's name and its mode";
    throw new GhostError("bad_token", "Cannot read the token's file", { place: text.slice(1), mend, cause: error });
  }
}

async function machine(platform: Platform): Promise<Machine> {
  const ssh = await platform.sshHostKeys().catch(() => []); // the daemon tells why
  return { hostname: Deno.hostname(), os: platform.release(), version: VERSION, ssh };
}

function checkName(name: string): void {
  if (label.safeParse(name).success) return;
  const mend = "a machine's name has at most 63 characters of a-z, 0-9 and -";
  throw new GhostError("bad_input", `Not a machine's name: "${name}"`, { place: "--name", mend });
}

const socketOf = (o: { socket?: string | undefined }) => o.socket ?? defaultSocket(thisUser());

async function serve(
  state: NodeState,
  config: LinkConfig,
  o: {
    platform: Platform;
    feeds?: Feeds;
    socket?: string | undefined;
    idle?: boolean | undefined;
    preparing?: Preparing;
  },
): Promise<void> {
  const { platform, preparing = new Preparing(), feeds = newFeeds() } = o;
  outliveStrays(feeds.log);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => stop.abort());
  await runDaemon({
    state,
    config,
    socket: socketOf(o),
    log: feeds.log,
    feeds,
    group: config.group === undefined ? null : await platform.groupNumber(config.group),
    idle: o.idle ?? false,
    say: (line) => console.log(line),
    machine: await machine(platform),
    platform,
    preparing,
    signal: stop.signal,
  });
}

const newFeeds = () => new Feeds({ write: (line) => console.error(line) });

/** Enrols, says so, and goes on as the daemon unless told to stop there. */
async function finish(
  state: NodeState,
  enrol: (by: Pick<JoinOptions, "ready" | "keep">) => Promise<Joined>,
  o: {
    platform: Platform;
    config: LinkConfig;
    socket?: string | undefined;
    enrolOnly?: boolean | undefined;
    /** A person is asked meanwhile, for minutes: the machine is tried before, and brought up after it. */
    asks: boolean;
  },
): Promise<void> {
  const { config, platform, enrolOnly = false } = o;
  const feeds = newFeeds();
  const preparing = new Preparing();
  const ready = async (who: { id: string; net: string | null }) => {
    await checkSocket(socketOf(o));
    if (config.group !== undefined) await platform.groupNumber(config.group);
    await preparing.begin(who, { state, config, platform, log: feeds.log });
  };
  try {
    const joined = await (async () => {
      using _lock = await state.lock();
      if (enrolOnly) return await enrol({});
      if (!o.asks) return await enrol({ ready, keep: preparing.keep });
      await ready({ id: await nodeIdOf((await state.identityOrNew(random)).identity.public), net: null });
      await preparing.drop();
      return await enrol({});
    })();
    console.log(`joined as ${joined.network.name} (${joined.addresses.join(", ")})`);
    if (!enrolOnly) await serve(state, config, { ...o, feeds, preparing });
  } finally {
    await preparing.drop();
  }
}

async function main(): Promise<number> {
  const program = oneLineUsage(new Command("ghostlink"), "ghostlink")
    .description("The GhostMesh client daemon")
    .version(VERSION);

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
      const platform = await thisPlatform();
      if (o.name !== undefined) checkName(o.name);
      const config = await loadLinkConfig(o.config);
      if (o.auth === "mtls" || o.auth === "oidc") {
        const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
        const way = WAYS[o.auth];
        const facts = await machine(platform);
        const enrol = () => way(state, { ...o, machine: facts, print: console.log });
        return await finish(state, enrol, { ...o, config, platform, asks: true });
      }
      const auth = await readAuth(o.auth);
      const request = {
        auth,
        ...(o.server === undefined ? {} : { server: o.server }),
        ...(o.name === undefined ? {} : { name: o.name }),
      };
      const running = await askDaemon(socketOf(o), request);
      if (running) {
        console.log(`joined as ${running.name} (${running.addresses.join(", ")}) by the daemon that runs already`);
        return;
      }
      const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
      const facts = await machine(platform);
      const byToken = (by: Pick<JoinOptions, "ready" | "keep">) =>
        join(state, { ...request, ...by, machine: facts, random, now: () => Date.now() });
      await finish(state, byToken, { ...o, config, platform, asks: false });
    });

  program.command("run")
    .description("start the daemon from its saved state")
    .option("--idle", "when this machine has joined nothing, wait for ghostctl join")
    .option("--config <file>", "ghostlink.toml")
    .option("--state-dir <dir>", "where keys and state are kept")
    .option("--socket <path>", "the daemon's local socket")
    .action(async (o) => {
      const platform = await thisPlatform();
      const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
      await serve(state, await loadLinkConfig(o.config), { ...o, platform });
    });

  program.command("login")
    .description("log in again, before or after the log-in of this machine, or its key, has ended")
    .option("--auth <token>", "for a machine that joined by a token: a new one; - reads it from standard input")
    .option("--browser", "the browser runs on this machine")
    .option("--state-dir <dir>", "where keys and state are kept")
    .option("--socket <path>", "the daemon's local socket")
    .action(async (o) => {
      await thisPlatform();
      const state = new NodeState(await openStateDir("ghostlink", o.stateDir));
      if (o.auth !== undefined) {
        const name = await renewByToken(state, {
          auth: await readAuth(o.auth),
          socket: socketOf(o),
          now: () => Date.now(),
        });
        return console.log(`${name} was let in again`);
      }
      const who = await logInAgain(state, {
        ...loginWorld({ browser: o.browser ?? false, print: console.log }),
        socket: socketOf(o),
      });
      console.log(`logged in as ${who}`);
    });

  try {
    await program.parseAsync(Deno.args, { from: "user" });
  } catch (error) {
    return usageExitCode(error);
  }
  return 0;
}

await runMain(main, "ghostlink");
