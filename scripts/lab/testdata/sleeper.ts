/** A world that says it is ready and stays until it is ended; `world_test.ts` ends it in every way. */
import { Lab } from "../lab.ts";
import { insideWorld } from "../world.ts";

await insideWorld();
const lab = new Lab();
const host = await lab.addHost("sleeper");
host.spawn("sleep", ["sleep", Deno.args[0]!]);
console.log("ready");
setInterval(() => {}, 1 << 30);
