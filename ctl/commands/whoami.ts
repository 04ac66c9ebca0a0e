/** `ghostctl whoami` */
import type { Call } from "../call.ts";
import { askWhois, showWhois } from "../machine/whois.ts";

export async function run(call: Call): Promise<void> {
  const answer = await askWhois(call);
  call.out.answer(answer, () => showWhois(answer));
}
