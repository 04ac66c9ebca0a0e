/** `ghostctl firewall log`: which flows were dropped and logged on this machine lately. */
import type { Call } from "../call.ts";
import { askFlows, placeOf } from "../machine/firewall.ts";
import { ago, table } from "../output/text.ts";
import { watching } from "../output/watch.ts";

/** As the heading `WHY` says it. */
const WHY = {
  logged: "logged",
  dropped: "dropped",
  limited: "over the limit",
  refused: "no rule allows it",
  stranger: "from nobody seen",
};

export async function run(call: Call): Promise<void> {
  const most = call.count("last", { min: 1, max: 10_000, otherwise: 100 });
  await watching(call, async () => {
    const flows = await askFlows(call);
    const shown = flows?.slice(0, most) ?? null;
    call.out.answer({ flows: shown }, () => {
      if (shown === null) return "this machine's firewall keeps no log";
      if (shown.length === 0) return "nothing was dropped or logged";
      const rows = shown.map((flow) => [
        ago(flow.time, Date.now()),
        WHY[flow.what],
        placeOf(flow),
        flow.direction,
        flow.source,
        flow.destination,
        flow.port === null ? flow.protocol : `${flow.protocol}/${flow.port}`,
        String(flow.packets),
      ]);
      const heading = ["LAST", "WHY", "RULE", "WAY", "FROM", "TO", "WHAT", "PACKETS"];
      return table(heading, rows, { colour: call.out.colour });
    });
  });
}
