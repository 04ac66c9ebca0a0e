/** Judges for a gate without a network: the core refuses before it asks. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Judge } from "./quic.ts";

const refuse = () => Promise.reject(new GhostError("not_claimed", "This gate belongs to no network yet"));

/** Refuses everything. */
export const NOBODY: Judge = {
  prove: refuse,
  verify: refuse,
  recheck: refuse,
  hand: refuse,
  behind: () => {},
  exchange: () => Promise.resolve([]),
};
