/** `ghostctl keys rotate` */
import type { localRotateAnswer } from "../../mesh/wire/local.ts";
import type { z } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

const LIKE = { wg: "", acknowledged: 0, peers: 0 };

export async function run(call: Call): Promise<void> {
  const { wg, acknowledged, peers } = await askDaemon<z.infer<typeof localRotateAnswer>>(call, {
    method: "POST",
    path: "/v1/keys/rotate",
    like: LIKE,
  });
  call.out.answer(
    { wg, acknowledged, peers },
    () =>
      `new key ${wg}; ${acknowledged} of ${peers} ${peers === 1 ? "peer" : "peers"} acknowledged it before it was used`,
  );
}
