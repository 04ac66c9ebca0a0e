/**
 * How the examples of the command table (and so of COMMANDS.md and of help) and of README are carried out: what an example
 * needs is made before it, and names of the lab are put into the place of those that it uses.
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../../ctl/table.ts";
import { ACLS_TOML, createToken, setupCode, status } from "../../scripts/lab/programs.ts";
import { COORDINATOR } from "../../scripts/lab/topology.ts";
import { addressOf, type Network, PROJECT } from "./support.ts";

const KEY = "8J1Yc0m3mJb0m1oX3vTq2n4l5k6j7h8g9f0d1s2a3sE";
const NET = "aq7x2m4k6p3v5b7n2c4d6s3f5h7j2l4w";

/** How an example is carried out; one without an entry runs on alice, the admin's machine, as it stands. */
export interface Way {
  on?: string;
  /** Makes what it needs; what stands for which of the example's words, and its standard input. */
  before?(net: Network): Promise<{ words?: Record<string, string>; stdin?: string } | void>;
  /** Puts things back for those that follow. */
  after?(net: Network, stdout: string): Promise<void>;
  /** For one that goes on until it is ended: what it prints at once, or that it may have nothing to print. */
  endless?: RegExp | "silent";
  /** Its exit code (0). */
  code?: number;
}

/** A coordinator of its own beside the network's, and its set-up code. */
async function another(net: Network, port: number): Promise<string> {
  const host = net.host("coordinator");
  await host.write(`mesh${port}.toml`, `[server]\nbind = "0.0.0.0:${port}"\n`);
  const argv = ["ghostmesh", "--config", `mesh${port}.toml`, "--state-dir", `/run/home/mesh${port}`];
  return await setupCode(host.spawn(`ghostmesh ${port}`, argv));
}

/** Where the sample of a typed plugin lies. */
const sample = () => Promise.resolve({ words: { "ctl/plugins": `${PROJECT}/ctl/plugins` } });

const alice = (net: Network) => net.host("alice");
let ben = "";

export const WAYS: Record<string, Way> = {
  "ghostctl init --server mesh.example.com --setup setup1_...": {
    on: "gate",
    before: async (net) => ({
      words: { "setup1_...": await another(net, 7001), "mesh.example.com": `${COORDINATOR}:7001` },
    }),
  },
  "ghostctl init --server mesh.example.com --setup - --acls acls.toml --name lab": {
    on: "gate",
    before: async (net) => {
      await net.host("gate").write("acls.toml", ACLS_TOML);
      return { words: { "mesh.example.com": `${COORDINATOR}:7002` }, stdin: await another(net, 7002) };
    },
  },
  "ghostctl token revoke 8J1Yc0m3": {
    before: async (net) => {
      const { grant } = await alice(net).ctlJson<{ grant: { key: string } }>(["token", "create"]);
      return { words: { "8J1Yc0m3": grant.key.slice(0, 8) } };
    },
  },
  "ghostctl down": { after: async (net) => void await alice(net).ctl(["up"]) },
  "ghostctl set --name desk": { after: async (net) => void await alice(net).ctl(["set", "--name", "alice"]) },
  "ghostctl logs --follow --level warn": { endless: "silent" },
  "ghostctl events --kind path --last 20": { endless: / path +\S/ },
  "ghostctl firewall counters --watch": { endless: /allow/ },
  "ghostctl whois 100.64.3.4": {
    before: async (net) => ({ words: { "100.64.3.4": await addressOf(alice(net), "bob") } }),
  },
  "ghostctl ssh ann@bob": { before: () => Promise.resolve({ stdin: "exit\n" }) },
  "ghostctl nodes rename bob nas": {
    after: async (net) => void await alice(net).ctl(["nodes", "rename", "nas", "bob"]),
  },
  "ghostctl nodes expire bob 30d": {
    after: async (net) => void await alice(net).ctl(["nodes", "expire", "bob", "never"]),
  },
  "ghostctl route advertise 10.1.1.0/24": { on: "carol" },
  "ghostctl route approve 10.1.1.0/24 via carol": {
    before: async (net) => {
      await net.host("carol").ctl(["route", "advertise", "10.1.1.0/24"]);
      await alice(net).ctl(["route", "remove", "10.1.1.0/24"]);
    },
  },
  "ghostctl policy pull acls.toml": { before: async (net) => void await alice(net).sh("rm -f acls.toml") },
  "ghostctl policy rollback 3": {
    before: async (net) => {
      const { policies } = await alice(net).ctlJson<{ policies: { seq: number }[] }>(["policy", "history"]);
      return { words: { "3": String(policies[0]!.seq) } };
    },
  },
  "ghostctl policy why ann-laptop web1:443": {
    before: () => Promise.resolve({ words: { "ann-laptop": "alice", "web1:443": "carol:443" } }),
  },
  [`ghostctl admin key --server mesh.example.com --network ${NET}`]: {
    on: "bob",
    before: async (net) => {
      const { join } = await alice(net).ctlJson<{ join: string }>(["admin", "list"]);
      const [, ca] = / (--ca \S+)/.exec(join) ?? [];
      const { network } = await status(alice(net));
      return { words: { "mesh.example.com": `${COORDINATOR}${ca ? ` ${ca}` : ""}`, [NET]: network.id } };
    },
    after: (_, stdout) => {
      ben = stdout.trim();
      return Promise.resolve();
    },
  },
  [`ghostctl admin add ${KEY} --name ben --quorum 2`]: { before: () => Promise.resolve({ words: { [KEY]: ben } }) },
  "ghostctl sign 8J1Yc0m3": {
    on: "bob",
    before: async (net) => {
      const { pending } = await alice(net).ctlJson<{ pending: { id: string }[] }>(["admin", "list"]);
      return { words: { "8J1Yc0m3": pending[0]!.id.slice(0, 8) } };
    },
  },
  "ghostctl ledger verify ledger.jsonl": {
    before: async (net) => void await alice(net).ctl(["ledger", "export", "ledger.jsonl"]),
  },
  "ghostctl certificate revoke ann.pem": {
    before: async (net) =>
      void await alice(net).sh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ann.key -out ann.pem -subj /CN=ann -days 1",
      ),
  },
  "ghostctl plugin add ctl/plugins/samples/rungs.ts --grant all": { before: sample },
  // README's own.
  "ghostctl peers --watch": { endless: /^bob / },
  "ghostctl ssh bob": { before: () => Promise.resolve({ stdin: "exit\n" }) },
  "ghostctl plugin add ctl/plugins/samples/rungs.ts": { before: sample, code: 2 },
  "ghostctl plugin add ctl/plugins/samples/rungs.ts --grant state": { before: sample },
  "ghostctl leave --yes": {
    on: "carol",
    before: async (net) => {
      await net.host("carol").write("laptop.token", await createToken(alice(net)));
    },
  },
  "ghostctl join --auth @laptop.token": { on: "carol" },
};

/** What would end the others' world comes last, in this order; every other example runs in the table's order. */
const LAST = [
  "ghostctl leave --yes",
  "ghostctl join --auth @laptop.token",
  "ghostctl gate revoke gate1",
  "ghostctl nodes revoke bob --reason lost",
];
/** Every example that can be carried out here. */
export const EXAMPLES = COMMANDS.flatMap((c) => c.examples).filter((e) => e.elsewhere === undefined).map((e) => e.line);
/** In an order in which each finds what it needs. */
export const ORDER = [...EXAMPLES.filter((line) => !LAST.includes(line)), ...LAST];

/** Milliseconds that an example goes on which has no end and may have nothing to print. */
const A_WHILE = 500;
/** How a program ends by SIGINT that does nothing about it. */
const INTERRUPTED = { code: 130, signal: "SIGINT" };

/** Carries one out and asserts how it ends. */
export async function carryOut(net: Network, line: string): Promise<void> {
  const way = WAYS[line] ?? {};
  const { words = {}, stdin } = await way.before?.(net) ?? {};
  let typed = line.replace("gate1", "gate");
  for (const [word, meant] of Object.entries(words)) typed = typed.replace(word, meant);
  const host = net.host(way.on ?? "alice");
  const argv = typed.split(" ");
  if (way.endless) {
    const process = host.spawn(line, argv);
    if (way.endless === "silent") await new Promise((resolve) => setTimeout(resolve, A_WHILE));
    else await process.line(way.endless);
    assert.ok(process.running, `${line}: ${process.text}`);
    assert.deepEqual(await process.stop("SIGINT"), INTERRUPTED, `${line}: ${process.text}`);
    return;
  }
  const { code, stdout, stderr } = await host.run(argv, { codes: "any", ...(stdin === undefined ? {} : { stdin }) });
  assert.equal(code, way.code ?? 0, `${typed}\n${stdout}\n${stderr}`);
  assert.doesNotMatch(stderr, /^\s+at /m, typed);
  await way.after?.(net, stdout);
}

/** What README calls things, and what the command table does. */
const README_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^sudo /, ""],
  [/server\.example\.com/, "mesh.example.com"],
  [/\blaptop$/, "bob"],
  [/\bnas$/, "carol"],
  [/\bKEY\b/, KEY],
  [/\bID$/, KEY.slice(0, 8)],
  [/\bCODE$/, "setup1_..."],
  [/\bcam$/, "ben"],
];

/** README's ghostctl lines, in the words of the command table. */
export async function readmeLines(): Promise<string[]> {
  const blocks = [...(await Deno.readTextFile(`${PROJECT}/README.md`)).matchAll(/```sh\n([\s\S]*?)```/g)];
  return blocks.flatMap(([, block]) => block!.split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").replace(/\s+>.*$/, "").trim())
    .map((line) => README_WORDS.reduce((text, [word, meant]) => text.replace(word, meant), line))
    .filter((line) => line.startsWith("ghostctl "));
}
