/** `ghostctl down` */
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  const like = { state: "", changed: true, notes: [""] };
  const answer = await askDaemon<typeof like>(call, { method: "POST", path: "/v1/down", like });
  const { state, changed, notes } = answer;
  call.out.answer(
    { state, changed, notes },
    () => changed ? "the tunnel is down until: ghostctl up" : "the tunnel was down already; ghostctl up",
  );
  for (const note of notes) call.out.remark(note);
}
