/**
 * A typed plugin of ghostctl: how many machines are reached by which rung of the path ladder.
 *
 *     ghostctl plugin add ctl/plugins/samples/rungs.ts --grant state
 *     ghostctl rungs
 */
import type { LocalPeer, Plugin } from "../api.ts";

function count(peers: readonly LocalPeer[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { path } of peers) found[path.rung] = (found[path.rung] ?? 0) + 1;
  return found;
}

const plugin: Plugin = {
  name: "rungs",
  permissions: { state: ["peers"] },
  verbs: [{
    name: "rungs",
    summary: "Count the machines on each rung of the path ladder",
    arguments: [{ name: "rung", summary: "this one alone", optional: true }],
    options: [{ name: "names", summary: "their names as well" }],
    examples: [
      { line: "ghostctl rungs", what: "how many are direct, how many relayed" },
      { line: "ghostctl rungs quic --names", what: "who still goes over a gate session" },
    ],
    json: { rungs: { direct: 3 }, names: ["bob"] },
    async run({ args, options, peers }) {
      const all = (await peers()).filter(({ path }) => args[0] === undefined || path.rung === args[0]);
      const names = options.names === true ? all.map((peer) => peer.name) : [];
      const rungs = count(all);
      const lines = Object.entries(rungs).map(([rung, n]) => `${rung}: ${n}`);
      return { json: { rungs, names }, text: [...lines, ...names].join("\n") || "none" };
    },
    async complete(words, { peers }) {
      return words.length === 1 ? Object.keys(count(await peers())) : [];
    },
  }],
};

export default plugin;
