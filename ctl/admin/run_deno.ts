/** Deno itself, run over a policy.ts. */
import { type RunResult, systemRunner } from "../../mesh/host/runner.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

const ALONE = ["--quiet", "--no-config", "--no-remote", "--no-npm", "--no-lock"];

/**
 * Runs `deno VERB ...` without configuration and remote modules, in an environment of nothing but HOME.
 * @param o.policy the policy.ts, as the error's place
 * @throws GhostError `missing_privilege` when this ghostctl may run nothing
 */
export async function runDeno(
  verb: "info" | "run",
  args: readonly string[],
  { policy, ...options }: { policy: string; stdin?: string; timeout?: number },
): Promise<RunResult> {
  const home = Deno.env.get("HOME");
  const env = { NO_COLOR: "1", ...(home === undefined ? {} : { HOME: home }) };
  try {
    return await systemRunner.run(Deno.execPath(), [verb, ...ALONE, ...args], { ...options, env });
  } catch (cause) {
    if (!(cause instanceof GhostError) || cause.code !== "missing_privilege") throw cause;
    throw new GhostError("missing_privilege", "This ghostctl may not start the process that runs a policy.ts", {
      place: policy,
      mend: "use the installed ghostctl, or add --allow-run to the one that you made",
      cause,
    });
  }
}
