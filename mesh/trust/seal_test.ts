import assert from "node:assert/strict";
import fc from "fast-check";
import { fromBase64Url, toBase64Url, utf8 } from "../wire/encoding.ts";
import { openBox, sealBox } from "./seal.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { boxer } from "./testdata/network.ts";

const net = "eifmesuhf4me5u6yolot7rae5afh456l";
const [alice, bob, eve] = await Promise.all(["alice", "bob", "eve"].map(boxer));
const plain = utf8("see you on the direct path");
const sealed = { plain, net, from: { id: "alice-id", key: alice! }, to: { id: "bob-id", seal: bob!.public } };
const opened = { net, to: { id: "bob-id", key: bob! }, from: { id: "alice-id", seal: alice!.public } };

Deno.test("openBox() gives back what sealBox() sealed, of any length", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
    const box = await sealBox({ ...sealed, plain: new Uint8Array(bytes) });
    assert.deepEqual(await openBox(box, opened), new Uint8Array(bytes));
  }));
});

Deno.test("sealBox() never makes the same box twice", async () => {
  assert.notEqual(await sealBox(sealed), await sealBox(sealed));
});

Deno.test("openBox() refuses every mutation of one character", async () => {
  await everyMutationIsRefused(await sealBox(sealed), (box) => openBox(box, opened));
});

Deno.test("openBox() refuses another receiver, sender, network or direction", async () => {
  const box = await sealBox(sealed);
  const wrong = {
    "another receiver's key": { ...opened, to: { id: "bob-id", key: eve! } },
    "another receiver's id": { ...opened, to: { id: "eve-id", key: bob! } },
    "another sender's key": { ...opened, from: { id: "alice-id", seal: eve!.public } },
    "another sender's id": { ...opened, from: { id: "eve-id", seal: alice!.public } },
    "another network": { ...opened, net: net.replace("e", "f") },
    "the way back": { net, to: { id: "alice-id", key: alice! }, from: { id: "bob-id", seal: bob!.public } },
  };
  for (const [what, o] of Object.entries(wrong)) {
    await assert.rejects(openBox(box, o), ghost("bad_signature", /^box: Cannot open/), what);
  }
});

Deno.test("openBox() refuses what is no box, and an ephemeral key in a second spelling", async () => {
  for (const box of ["", "AAAA", "no base64!", toBase64Url(new Uint8Array(47)), toBase64Url(new Uint8Array(100))]) {
    await assert.rejects(openBox(box, opened), ghost("bad_signature"), box);
  }
  const bytes = fromBase64Url(await sealBox(sealed));
  bytes[31]! |= 0x80;
  await assert.rejects(openBox(toBase64Url(bytes), opened), ghost("bad_signature"));
});

Deno.test("sealBox() and openBox() refuse keys that hide nothing", async () => {
  const seal = toBase64Url(new Uint8Array(32));
  await assert.rejects(sealBox({ ...sealed, to: { id: "bob-id", seal } }), ghost("bad_record", /^seal: Unsafe/));
  await assert.rejects(
    openBox(await sealBox(sealed), { ...opened, from: { id: "alice-id", seal } }),
    ghost("bad_signature"),
  );
});
