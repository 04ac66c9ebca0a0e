import assert from "node:assert/strict";
import { toBase64Url } from "../wire/encoding.ts";
import type { GhostError } from "../wire/errors.ts";
import { pinCa } from "./pin.ts";
import { parseServer } from "./server_address.ts";
import { makeTestTls } from "./testing_tls.ts";

Deno.test("pinCa() gives the CA whose hash fits and refuses every other", async () => {
  const tls = await makeTestTls();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: tls.cert, key: tls.key, onListen() {} },
    () => new Response("no"),
  );
  const url = parseServer(`127.0.0.1:${server.addr.port}`);
  assert.equal((await pinCa(url, tls.hash)).replace(/\s/g, ""), tls.ca.replace(/\s/g, ""));
  await assert.rejects(pinCa(url, toBase64Url(new Uint8Array(32))), (e: GhostError) => e.code === "unauthorized");
});

Deno.test("pinCa() names a server that is not there or does not speak TLS", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const hash = toBase64Url(new Uint8Array(32));
  const silent = pinCa(parseServer(`127.0.0.1:${port}`), hash, { timeout: 50 });
  const accepted = listener.accept();
  await assert.rejects(
    silent,
    (e: GhostError) => e.code === "unreachable" && e.line.startsWith(`https://127.0.0.1:${port}: `),
  );
  (await accepted).close();
  listener.close();
  await assert.rejects(
    pinCa(parseServer(`127.0.0.1:${port}`), hash),
    (e: GhostError) => e.code === "unreachable" && /connection refused; check that it runs/.test(e.line),
  );
  await assert.rejects(pinCa(parseServer("http://127.0.0.1"), hash), (e: GhostError) => e.code === "bad_input");
});
