import { type Attribute, expectLength, viewOf } from "../attribute.ts";

/**
 * NOMINATION: a counter beside USE-CANDIDATE, so that a late duplicate of an older nomination can't undo a newer one
 * (draft-thatcher-ice-renomination, with the number that WebRTC uses). Who does not know it skips it.
 */
export const NOMINATION: Attribute<number> = {
  type: 0xc001,
  name: "NOMINATION",
  encode(value) {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, value);
    return bytes;
  },
  decode(value) {
    expectLength(value, 4, "NOMINATION");
    return viewOf(value).getUint32(0);
  },
};
