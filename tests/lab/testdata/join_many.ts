/**
 * Joins many machines at a time by the daemon's own enrolment code: `join_many.ts DIR COUNT WORKERS`, the token on standard
 * input. Prints `joined ID` when the coordinator has acknowledged one. A coordinator that is away is tried again, as a person
 * would; any other failure ends the program.
 */
import { join } from "../../../link/host/join.ts";
import { NodeState } from "../../../link/host/state.ts";
import { openPrivateDir } from "../../../mesh/host/state_dir.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";

const [dir, count, workers] = [Deno.args[0]!, Number(Deno.args[1]), Number(Deno.args[2])];
const auth = (await new Response(Deno.stdin.readable).text()).trim();
let next = 0;

async function joinOne(number: number): Promise<string> {
  const folder = `${dir}/${number}`;
  await openPrivateDir(folder, { mend: "choose another" });
  const state = new NodeState(folder);
  for (;;) {
    try {
      const joined = await join(state, {
        auth,
        name: `node-${number}`,
        machine: { hostname: `node-${number}`, os: "linux", version: "0.1.0" },
        random: (n) => crypto.getRandomValues(new Uint8Array(n)),
        now: () => Date.now(),
      });
      return joined.id;
    } catch (error) {
      if (!(error instanceof GhostError) || (error.code !== "unreachable" && error.code !== "timeout")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

await Promise.all(Array.from({ length: workers }, async () => {
  while (next < count) console.log(`joined ${await joinOne(next++)}`);
}));
