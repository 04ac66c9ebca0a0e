import { GhostError } from "../../errors.ts";
import { type Attribute, expectLength } from "../attribute.ts";

/** The layout of both: one byte, and three that are zero. */
function oneByte<T extends number>(o: { type: number; name: string; known: readonly T[] }): Attribute<T> {
  return {
    type: o.type,
    name: o.name,
    encode: (value) => Uint8Array.from([value, 0, 0, 0]),
    decode(value) {
      expectLength(value, 4, o.name);
      const known = o.known.find((k) => k === value[0]);
      if (known === undefined) {
        throw new GhostError("bad_input", `Unknown value ${value[0]}`, { place: `stun.${o.name}` });
      }
      return known;
    },
  };
}

/** REQUESTED-TRANSPORT, RFC 8656 section 18.7: the IP protocol between server and peers, which is UDP. */
export const REQUESTED_TRANSPORT: Attribute<17> = oneByte({ type: 0x0019, name: "REQUESTED-TRANSPORT", known: [17] });
/** REQUESTED-ADDRESS-FAMILY, RFC 8656 section 18.6: 1 is IPv4, 2 is IPv6. */
export const REQUESTED_ADDRESS_FAMILY: Attribute<1 | 2> = oneByte({
  type: 0x0017,
  name: "REQUESTED-ADDRESS-FAMILY",
  known: [1, 2],
});
