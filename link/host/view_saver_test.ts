import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { add, network, NOW } from "../../mesh/trust/testdata/network.ts";
import { NetworkView } from "./network_view.ts";
import { NodeState } from "./state.ts";
import { ViewSaver } from "./view_saver.ts";

Deno.test("ViewSaver leaves no gap in the ledger when the disk was full for a moment", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const ledger = await network();
    const state = new NodeState(dir);
    await state.ledger.replace(ledger.entries);
    const view = new NetworkView({ selfId: "self", ledger, now: () => NOW });
    const lines: string[] = [];
    const log = createLog("ghostlink", { write: (line) => lines.push(line) });
    const saver = new ViewSaver({ state, view, log });
    const { append } = state.ledger;
    state.ledger.append = () => Promise.reject(new Error("No space left on device"));
    await add(ledger, "policy", { format: "toml", source: "" });
    saver.ledger();
    await new Promise((r) => setTimeout(r, 1));
    assert.match(lines[0]!, /could not be saved/);
    state.ledger.append = append;
    await add(ledger, "policy", { format: "toml", source: "# two\n" });
    saver.ledger();
    await saver.close();
    assert.deepEqual(await state.ledger.read(), ledger.entries);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
