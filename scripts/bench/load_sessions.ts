/**
 * Many nodes in one program, for `bench gate`: opens `sessions` sessions with a gate, tells when they are open, and holds them. A line
 * `held` a second says how many are left.
 */
import { follow, Loader, type LoadTarget, readOrder, say } from "./load_node.ts";

const { sessions, ...target } = await readOrder<LoadTarget & { sessions: number }>();
const loader = await Loader.of(target);
const nodes = await loader.nodes(sessions);
say({ t: "made" });
const started = performance.now();
let [held, opened] = [0, 0];
let why = "";
try {
  await loader.openAll(nodes, (session) => {
    held++;
    if (++opened % 500 === 0) say({ t: "opening", opened, seconds: (performance.now() - started) / 1000 });
    follow(session).catch((error) => {
      held--;
      why = String(error);
    });
  });
} catch (error) {
  why = String(error);
}
say({ t: "opened", opened, seconds: (performance.now() - started) / 1000, why });
setInterval(() => say({ t: "held", held, why }), 1_000);
