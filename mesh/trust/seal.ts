/**
 * Messages that only one node can read and only one can have written: HPKE (RFC 9180) in authenticated mode with
 * DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-128-GCM. A box is base64url(enc || ciphertext); `info` binds purpose and
 * network, the associated data sender and receiver, in this order.
 *
 * Whoever holds the receiver's key can also forge boxes to that receiver (RFC 9180 section 9.1.1), and a box can be replayed: what
 * is inside carries a counter (wire/signal.ts).
 *
 * The one place in mesh/trust that is not deterministic: HPKE makes an ephemeral key for each box, inside the platform's crypto.
 */
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { type Bytes, fromBase64Url, toBase64Url, utf8 } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { type BoxKey, checkBoxKey } from "./keys.ts";

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
const ENC_BYTES = 32;
const TAG_BYTES = 16;

/** A node's own end: its id and its sealing key pair. */
export interface OwnEnd {
  id: string;
  key: BoxKey;
}

/** The other node's end: its id and the `seal` key of its record. */
export interface PeerEnd {
  id: string;
  seal: string;
}

const keyPairs = new WeakMap<BoxKey, Promise<CryptoKeyPair>>();

function keyPair(key: BoxKey): Promise<CryptoKeyPair> {
  let pair = keyPairs.get(key);
  if (!pair) {
    pair = Promise.all([importKey(key.private, false), importKey(key.public, true)])
      .then(([privateKey, publicKey]) => ({ privateKey, publicKey }));
    keyPairs.set(key, pair);
  }
  return pair;
}

async function importKey(key: string, isPublic: boolean): Promise<CryptoKey> {
  return await suite.kem.importKey("raw", fromBase64Url(key).buffer, isPublic);
}

function context(net: string, from: string, to: string): { info: Bytes; aad: Bytes } {
  return { info: utf8(`ghostmesh signal v1 ${net}`), aad: utf8(`${from} ${to}`) };
}

/**
 * Seals bytes from one node to another.
 * @throws GhostError `bad_record` when the receiver's key is unsafe
 */
export async function sealBox(o: { plain: Bytes; net: string; from: OwnEnd; to: PeerEnd }): Promise<string> {
  checkBoxKey(o.to.seal, "seal");
  const { info, aad } = context(o.net, o.from.id, o.to.id);
  const senderKey = await keyPair(o.from.key);
  const recipientPublicKey = await importKey(o.to.seal, true);
  const { enc, ct } = await suite.seal({ recipientPublicKey, senderKey, info }, o.plain, aad);
  const box = new Uint8Array(enc.byteLength + ct.byteLength);
  box.set(new Uint8Array(enc));
  box.set(new Uint8Array(ct), enc.byteLength);
  return toBase64Url(box);
}

/**
 * Opens a box.
 * @throws GhostError `bad_signature` whatever is wrong with it
 */
export async function openBox(box: string, o: { net: string; to: OwnEnd; from: PeerEnd }): Promise<Bytes> {
  const { info, aad } = context(o.net, o.from.id, o.to.id);
  try {
    checkBoxKey(o.from.seal, "seal");
    const bytes = fromBase64Url(box);
    if (bytes.length < ENC_BYTES + TAG_BYTES) throw new RangeError("Too short");
    const enc = bytes.slice(0, ENC_BYTES);
    checkBoxKey(toBase64Url(enc), "enc");
    const recipientKey = await keyPair(o.to.key);
    const senderPublicKey = await importKey(o.from.seal, true);
    const plain = await suite.open({ recipientKey, enc, senderPublicKey, info }, bytes.slice(ENC_BYTES), aad);
    return new Uint8Array(plain);
  } catch (cause) {
    throw new GhostError("bad_signature", `Cannot open a sealed message from node ${o.from.id}`, {
      place: "box",
      cause,
    });
  }
}
