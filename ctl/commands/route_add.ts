/** `ghostctl route add PREFIX via NAME` */
import { signRoute } from "../admin/route.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  await signRoute(call, { announced: false });
}
