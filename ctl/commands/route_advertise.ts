/** `ghostctl route advertise PREFIX` */
import { readRoutePrefix } from "../admin/prefix.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  const prefix = readRoutePrefix(call.args[0]!, call).text;
  const withdraw = call.flag("withdraw");
  const like = { changed: true, routes: [""], approved: true };
  const { changed, routes, approved } = await askDaemon<typeof like>(call, {
    method: "POST",
    path: "/v1/routes/advertise",
    body: { prefix, withdraw },
    like,
  });
  const all = routes.length > 0 ? `this machine announces ${routes.join(", ")}` : "this machine announces no route";
  call.out.answer({ changed, routes, approved }, () => all);
  if (!approved && !withdraw) call.out.remark(`an admin has to approve it: ghostctl route approve ${prefix} via NAME`);
}
