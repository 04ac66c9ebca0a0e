/** SSH host public keys as a machine's record carries them: `TYPE BASE64` of known_hosts, without host and comment (RFC 4253, 6.6). */
import { z } from "./schema.ts";

/** Longest key in characters: RSA of 8192 bits has 1,400. */
const MAX_KEY = 1600;
/** Keys that one machine may have. */
export const MAX_SSH_KEYS = 4;

const FORM = /^(ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) ([A-Za-z0-9+/]{32,}={0,2})$/;
/** Bytes of an ed25519 key's blob: two lengths, the type's name, 32 bytes of key. */
const ED25519_BLOB = 51;

/** Whether the text is one key whose inside says the same type as its outside; a line break cannot hide in it. */
export function isSshKey(text: string): boolean {
  const match = text.length <= MAX_KEY ? FORM.exec(text) : null;
  if (!match) return false;
  const [, type, base64] = match as unknown as [string, string, string];
  let blob: string;
  try {
    blob = atob(base64);
  } catch {
    return false;
  }
  if (btoa(blob) !== base64) return false;
  const length = blob.charCodeAt(0) * 2 ** 24 + blob.charCodeAt(1) * 2 ** 16 + blob.charCodeAt(2) * 256 +
    blob.charCodeAt(3);
  if (blob.slice(4, 4 + length) !== type) return false;
  return type !== "ssh-ed25519" || blob.length === ED25519_BLOB;
}

const sshKey = z.string().max(MAX_KEY).refine(isSshKey, "Expected an SSH public key: TYPE BASE64");
/** A machine's SSH host keys, as its record names them. */
export const sshKeys = z.array(sshKey).max(MAX_SSH_KEYS);
