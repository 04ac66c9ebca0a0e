/** `deno task bench [paths|gate|flood|times|idle|policy] [OPTIONS]`: each bench is a program of its own, which starts itself again inside a world. */
import { Failure, main } from "./lib/run.ts";

const BENCHES = ["paths", "gate", "flood", "times", "idle", "policy"];

const [first = "paths"] = Deno.args;
const name = first.startsWith("-") ? "paths" : first;
if (BENCHES.includes(name)) await import(`./bench_${name}.ts`);
else await main(() => Promise.reject(new Failure(`Unknown bench "${name}"; there are: ${BENCHES.join(", ")}`)));
