import { type Attribute, expectLength, viewOf } from "../attribute.ts";

const [CHANGE_ADDRESS, CHANGE_PORT] = [4, 2];

/** CHANGE-REQUEST, RFC 5780 section 7.2: answer from another address, or from another port of the same one. */
export const CHANGE_REQUEST: Attribute<{ address: boolean; port: boolean }> = {
  type: 0x0003,
  name: "CHANGE-REQUEST",
  encode: ({ address, port }) => Uint8Array.of(0, 0, 0, (address ? CHANGE_ADDRESS : 0) | (port ? CHANGE_PORT : 0)),
  decode(value) {
    expectLength(value, 4, "CHANGE-REQUEST");
    const flags = viewOf(value).getUint32(0);
    return { address: (flags & CHANGE_ADDRESS) !== 0, port: (flags & CHANGE_PORT) !== 0 };
  },
};
