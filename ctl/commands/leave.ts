/** `ghostctl leave` */
import type { LocalLeave } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  if (!call.flag("yes")) {
    throw call.wrong("This machine would need a new token to come back", "if that is meant: ghostctl leave --yes");
  }
  const forget = call.flag("forget-keys");
  const like = { name: "", told: true, was: "" };
  const answer = await askDaemon<LocalLeave>(call, { method: "POST", path: "/v1/leave", body: { forget }, like });
  const { name, told, was } = answer;
  const back = "to come back: ghostctl join --auth TOKEN";
  call.out.answer(
    answer,
    () =>
      was === "outside"
        ? `this machine had left; now its keys are gone too; ${back}`
        : `${name} has left the network; ${back}`,
  );
  if (was === "revoked" && !forget) {
    call.out.remark("its keys were revoked for good; before it can come back: ghostctl leave --yes --forget-keys");
  } else if (was === "member" && !told) {
    call.out.remark(`the coordinator could not be told; an admin can type: ghostctl nodes revoke ${name}`);
  }
}
