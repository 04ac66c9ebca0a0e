import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { encodeStun, field, USERNAME } from "../core/stun/mod.ts";
import { stunCrypto } from "./crypto.ts";
import { IceHub } from "./ice_hub.ts";

/** A hub, and a check to a user name fragment of it. */
function world() {
  const lines: string[] = [];
  const log = createLog("link", { level: "debug", write: (line) => lines.push(line) });
  const hub = new IceHub({ log, crypto: stunCrypto, now: () => 0 });
  const from = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const check = (ufrag: string) =>
    from.send(
      encodeStun({
        class: "request",
        transaction: stunCrypto.random(12),
        fields: [field(USERNAME, `${ufrag}:peer`)],
        fingerprint: true,
      }),
      { transport: "udp", hostname: "127.0.0.1", port: hub.port },
    );
  const close = () => {
    hub.close();
    from.close();
  };
  return { hub, check, lines, close };
}

Deno.test("IceHub leaves a user name fragment with its first receiver until that one is forgotten", async () => {
  const { hub, check, close } = world();
  const got: string[] = [];
  let came = Promise.withResolvers<void>();
  const receiver = (name: string) => ({
    datagram: () => {
      got.push(name);
      came.resolve();
    },
  });
  const [first, second] = [receiver("first"), receiver("second")];
  hub.listen("seen", first);
  hub.listen("seen", second);
  await check("seen");
  await came.promise;
  hub.forget(first);
  hub.listen("seen", second);
  came = Promise.withResolvers();
  await check("seen");
  await came.promise;
  assert.deepEqual(got, ["first", "second"]);
  close();
});

Deno.test("IceHub goes on after a datagram that somebody could not take, and says so once", async () => {
  const { hub, check, lines, close } = world();
  const came = Promise.withResolvers<void>();
  let count = 0;
  hub.listen("ab", {
    datagram: () => {
      if (++count < 3) throw new Error("not today");
      came.resolve();
    },
  });
  for (let n = 0; n < 3; n++) await check("ab");
  await came.promise;
  assert.equal(lines.filter((line) => line.includes("not today")).length, 1);
  close();
});

Deno.test("IceHub sends nothing before its port is WireGuard's outside, and then what it was given until then", async () => {
  const log = createLog("link", { write: () => {} });
  const hub = new IceHub({ log, crypto: stunCrypto, now: () => 0, held: true });
  const far = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { address: "127.0.0.1", port: (far.addr as Deno.NetAddr).port };
  const owner = { datagram: () => {} };
  hub.send(to, new Uint8Array([0, 1, 7]), owner);
  const first = far.receive();
  const early = await Promise.race([first, new Promise((resolve) => setTimeout(() => resolve("nothing"), 20))]);
  assert.equal(early, "nothing");
  hub.release();
  assert.deepEqual([...(await first)[0]], [0, 1, 7]);
  hub.send(to, new Uint8Array([0, 1, 8]), owner);
  assert.deepEqual([...(await far.receive())[0]], [0, 1, 8]);
  hub.close();
  far.close();
});
