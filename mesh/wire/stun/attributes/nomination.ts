import type { Attribute } from "../attribute.ts";
import { uint32 } from "./uint32.ts";

/**
 * NOMINATION: a counter beside USE-CANDIDATE, so that a late duplicate of an older nomination can't undo a newer one
 * (draft-thatcher-ice-renomination, with the number that WebRTC uses). Who does not know it skips it.
 */
export const NOMINATION: Attribute<number> = uint32(0xc001, "NOMINATION");
