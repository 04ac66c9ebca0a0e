/** `ghostctl leave` */
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  if (!call.flag("yes")) {
    throw call.wrong("This machine would need a new token to come back", "if that is meant: ghostctl leave --yes");
  }
  const body = { forget: call.flag("forget-keys") };
  const like = { name: "", told: true };
  const answer = await askDaemon<typeof like>(call, { method: "POST", path: "/v1/leave", body, like });
  call.out.answer(answer, () => `${answer.name} has left the network; to come back: ghostctl join --auth TOKEN`);
  if (!answer.told) {
    call.out.remark(`the coordinator could not be told; an admin can type: ghostctl nodes revoke ${answer.name}`);
  }
}
