/** HMAC and MD5 for the TURN core, synchronous. */
import { createHash } from "node:crypto";
import type { TurnCrypto } from "../core/turn/mod.ts";
import { stunCrypto } from "./crypto.ts";

export const turnCrypto: TurnCrypto = {
  ...stunCrypto,
  md5: (data) => new Uint8Array(createHash("md5").update(data).digest()),
};
