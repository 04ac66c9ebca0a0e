/** `ghostctl admin key`: a key of one's own for a network that others administer, which they may make an admin's. */
import { pinCa } from "../../mesh/client/pin.ts";
import { parseServer, serverText } from "../../mesh/client/server_address.ts";
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { key32, networkId } from "../../mesh/wire/schema.ts";
import { random } from "../admin/host.ts";
import { NetworkStore } from "../admin/store.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const id = call.text("network");
  if (id === undefined || !networkId.safeParse(id).success) {
    throw call.wrong("Which network? Its id is needed: --network ID", "an admin sees it with: ghostctl admin list");
  }
  const url = parseServer(call.text("server")!);
  const hash = call.text("ca");
  if (hash !== undefined && !key32.safeParse(hash).success) throw call.bad("ca", "Expected 43 characters of base64url");
  const store = await NetworkStore.open(call, { create: true });
  const before = await store.load(id);
  const admin = before?.admin ?? await signingKeyFromSeed(random(32));
  if (!before) {
    const ca = hash === undefined ? null : await pinCa(url, hash);
    await store.save({
      v: 1,
      state: "ready",
      setup: null,
      server: serverText(url),
      ca,
      network: { id, name: id.slice(0, 8) },
      admin,
      head: null,
      entries: [],
    });
  }
  call.out.answer({ key: admin.public, network: id }, () => admin.public);
  call.out.remark(`an admin of the network can now type: ghostctl admin add ${admin.public} --name YOUR-NAME`);
}
