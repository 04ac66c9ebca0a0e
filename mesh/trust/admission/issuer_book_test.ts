import assert from "node:assert/strict";
import { ghost } from "../testdata/assert.ts";
import { discover, IssuerBook, type IssuerPages } from "./issuer_book.ts";

const ISSUER = "https://login.example.com/realm";
const key = (kid: string) => ({ kty: "RSA", kid, n: "AQAB", e: "AQAB", d: "private", alg: "RS256" });
const END = {
  issuer: ISSUER,
  jwks_uri: "https://keys.example.com/jwks",
  authorization_endpoint: "https://login.example.com/auth",
  token_endpoint: "https://login.example.com/token",
};

function world(documents: Record<string, unknown>) {
  const w = {
    documents,
    now: 1_700_000_000,
    asked: [] as string[],
    saved: null as IssuerPages | null,
    book: null as unknown as IssuerBook,
  };
  const options = {
    fetchJson: (url: string) => {
      w.asked.push(url);
      const document = w.documents[url];
      return document === undefined ? Promise.reject(new Error("away")) : Promise.resolve(document);
    },
    now: () => w.now,
    save: (pages: IssuerPages) => {
      w.saved = structuredClone(pages);
      return Promise.resolve();
    },
  };
  w.book = new IssuerBook(options);
  return { w, again: () => new IssuerBook({ ...options, load: () => Promise.resolve(w.saved) }) };
}

const DOCUMENT = `${ISSUER}/.well-known/openid-configuration`;

Deno.test("IssuerBook keeps keys that the issuer has rotated away, with the time when they were gone", async () => {
  const { w, again } = world({ [DOCUMENT]: END, [END.jwks_uri]: { keys: [key("a")] } });
  assert.equal(await w.book.refresh(ISSUER), true);
  const a = { kty: "RSA", kid: "a", n: "AQAB", e: "AQAB", alg: "RS256" };
  assert.deepEqual(w.book.keysOf(ISSUER), [{ jwk: a, seen: null }]);
  assert.equal(await w.book.refresh(ISSUER, { missing: true }), false);
  assert.equal(w.asked.length, 2, "not asked again at once");
  w.now += 60;
  w.documents[END.jwks_uri] = { keys: [{ kty: "oct", k: "x" }, key("b")] };
  assert.equal(await w.book.refresh(ISSUER), false);
  assert.equal(await w.book.refresh(ISSUER, { missing: true }), true);
  assert.deepEqual(w.book.keysOf(ISSUER), [{ jwk: { ...a, kid: "b" }, seen: null }, { jwk: a, seen: w.now }]);
  const later = again();
  await later.ready();
  assert.deepEqual(later.keysOf(ISSUER), w.book.keysOf(ISSUER));
  w.now += 400 * 86_400 + 1;
  await w.book.refresh(ISSUER);
  assert.deepEqual(w.book.keysOf(ISSUER).map(({ jwk }) => jwk.kid), ["b"]);
});

Deno.test("IssuerBook says why an issuer could not be asked, and keeps what it has", async () => {
  const { w } = world({ [DOCUMENT]: END, [END.jwks_uri]: { keys: [key("a")] } });
  await w.book.refresh(ISSUER);
  w.now += 4000;
  w.documents = {};
  assert.equal(await w.book.refresh(ISSUER), false);
  assert.equal(w.book.fault(ISSUER), "away");
  assert.equal(w.book.keysOf(ISSUER).length, 1);
  assert.deepEqual(w.book.keysOf("__proto__"), []);
});

Deno.test("discover() refuses another issuer's document and ends without TLS", async () => {
  const read = (document: unknown) => discover(ISSUER, () => Promise.resolve(document));
  await read(END);
  await assert.rejects(read({ ...END, issuer: `${ISSUER}/` }), ghost("unreachable", /calls itself/));
  await assert.rejects(read({ ...END, jwks_uri: "http://keys.example.com/jwks" }), ghost("unreachable", /not https/));
  await assert.rejects(read({ ...END, token_endpoint: undefined }), ghost("unreachable"));
  await assert.rejects(read("x"), ghost("unreachable"));
});
