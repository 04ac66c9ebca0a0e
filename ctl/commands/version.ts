/** `ghostctl version` */
import { VERSION } from "../../mesh/wire/version.ts";
import type { Call } from "../call.ts";

export function run({ out }: Call): Promise<void> {
  const answer = { ghostctl: VERSION, deno: Deno.version.deno };
  out.answer(answer, () => `ghostctl ${answer.ghostctl} (Deno ${answer.deno})`);
  return Promise.resolve();
}
