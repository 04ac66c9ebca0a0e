/** ghostctl: the one command line for daemon, coordinator and gates. Imports stay few; verbs load when they are used. */
import { runCli } from "./cli.ts";

if (import.meta.main) Deno.exit(await runCli(Deno.args));
