/** `deno task bench [paths|gate|flood|times|idle|policy|soak] [OPTIONS]`: each bench is a program of its own, which starts itself again inside a world. */
import { BENCH_USAGE, BENCHES } from "./bench/options.ts";
import { misuse } from "./lib/options.ts";
import { main } from "./lib/run.ts";

const [first = ""] = Deno.args;
const name = first === "" || first.startsWith("-") ? BENCHES[0] : BENCHES.find((bench) => bench === first);
if (name !== undefined) await import(`./bench_${name}.ts`);
else await main(() => Promise.reject(misuse(`Unknown bench "${first}"`, BENCH_USAGE)));
