/** Asks a TURN server for a permission with an address that our own client would not even write: bytes by hand. */
import {
  decodeStun,
  ERROR_CODE,
  field,
  LIFETIME,
  read,
  REQUESTED_TRANSPORT,
  type StunMessage,
} from "../../../mesh/wire/stun/mod.ts";
import { Authentication } from "../../../link/core/turn/authentication.ts";
import { ALLOCATE, CREATE_PERMISSION } from "../../../link/core/turn/client.ts";
import type { TurnCredentials } from "../../../link/core/turn/mod.ts";
import { turnCrypto } from "../../../link/host/turn_crypto.ts";
import type { TurnServer } from "../../../link/host/turn_pipe.ts";
import ipaddr from "ipaddr.js";

/** XOR-PEER-ADDRESS of any address, mapped ones included. */
function peerField(address: string, transaction: Uint8Array): { type: number; value: Uint8Array } {
  const mask = [0x21, 0x12, 0xa4, 0x42, ...transaction];
  const bytes = ipaddr.parse(address).toByteArray();
  return {
    type: 0x0012,
    value: Uint8Array.from([
      0,
      bytes.length === 4 ? 1 : 2,
      0x21 ^ 0x14,
      0x12 ^ 0xe9,
      ...bytes.map((b, i) => b ^ mask[i]!),
    ]),
  };
}

/** For each address the error code that a permission was refused with, 0 where it was granted; all of one allocation. */
export async function rawPermissions(
  o: { server: TurnServer; credentials: TurnCredentials; addresses: readonly string[] },
): Promise<number[]> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const auth = new Authentication(o.credentials, turnCrypto);
  const ask = async (
    method: number,
    fields: Parameters<Authentication["request"]>[1]["fields"],
  ): Promise<StunMessage> => {
    const transaction = turnCrypto.random(12);
    const to: Deno.NetAddr = { transport: "udp", hostname: o.server.host, port: o.server.port };
    await socket.send(auth.request(method, { transaction, fields }), to);
    return decodeStun((await socket.receive())[0]);
  };
  try {
    for (let i = 0;; i++) {
      const answer = await ask(ALLOCATE, [field(REQUESTED_TRANSPORT, 17), field(LIFETIME, 60)]);
      if (answer.class === "success") break;
      if (i > 0) throw new Error(`No allocation: ${read(answer, ERROR_CODE)?.code}`);
      auth.challenge(answer);
    }
    const codes: number[] = [];
    for (const address of o.addresses) {
      const answer = await ask(CREATE_PERMISSION, [(transaction) => peerField(address, transaction)]);
      codes.push(answer.class === "success" ? 0 : read(answer, ERROR_CODE)!.code);
    }
    await ask(0x004, [field(LIFETIME, 0)]);
    return codes;
  } finally {
    socket.close();
  }
}
