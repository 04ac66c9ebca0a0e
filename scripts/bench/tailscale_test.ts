import assert from "node:assert/strict";
import { join } from "node:path";
import { CONTROL, peerIn, VERSION } from "./tailscale.ts";

const status = (of: Record<string, unknown>) => ({
  Self: { HostName: "ta" },
  Peer: {
    "nodekey:1": { HostName: "te", TailscaleIPs: ["100.64.0.9"], Relay: "bench", CurAddr: "", PeerRelay: "" },
    "nodekey:2": { HostName: "tb", TailscaleIPs: ["fd7a:115c:a1e0::2", "100.64.0.2"], Relay: "bench", ...of },
  },
});

Deno.test("peerIn() names the path in use: direct before a peer relay, and DERP where there is neither", () => {
  const address = "100.64.0.2";
  const [CurAddr, PeerRelay] = ["203.0.113.52:41641", "203.0.113.40:40000:vni:1"];
  assert.deepEqual(peerIn(status({ CurAddr, PeerRelay }), "tb"), { address, kind: "direct", endpoint: CurAddr });
  assert.deepEqual(peerIn(status({ CurAddr: "", PeerRelay }), "tb"), { address, kind: "relay", endpoint: PeerRelay });
  assert.deepEqual(peerIn(status({}), "tb"), { address, kind: "derp", endpoint: "" });
});

Deno.test("peerIn() knows no peer that is not there, or has no address or home yet", () => {
  assert.equal(peerIn({ Peer: null }, "tb"), undefined);
  assert.equal(peerIn(status({}), "nobody"), undefined);
  assert.equal(peerIn(status({ TailscaleIPs: null }), "tb"), undefined);
  assert.equal(peerIn(status({ Relay: "" }), "tb"), undefined);
});

Deno.test("the control plane is built from the version whose daemons it serves", async () => {
  assert.ok((await Deno.readTextFile(join(CONTROL, "go.mod"))).includes(`require tailscale.com ${VERSION}\n`));
});
