import assert from "node:assert/strict";
import type { Call } from "./call.ts";
import { closedPlaces } from "./paths.ts";

Deno.test("closedPlaces() names every folder of keys and daemons, also beside those that flags name", () => {
  const named: Record<string, string> = { "config-dir": "/elsewhere/ctl", "socket": "/elsewhere/run/x.sock" };
  const places = closedPlaces({ text: (name: string) => named[name] } as Call);
  const home = Deno.env.get("HOME")!;
  const own = [
    `${home}/.config/ghostctl`,
    `${home}/.local/state/ghostlink`,
    `${home}/.local/state/ghostgate`,
    `${home}/.local/state/ghostmesh`,
  ];
  const wanted = ["/elsewhere/ctl", "/elsewhere/run", ...own];
  if (Deno.build.os === "linux") {
    wanted.push("/run/ghostlink", "/var/lib/ghostlink", "/var/lib/ghostgate", "/var/lib/ghostmesh");
  }
  assert.deepEqual(wanted.filter((dir) => !places.includes(dir)), []);
});
