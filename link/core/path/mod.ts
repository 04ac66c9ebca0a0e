/** The path to one peer: which rung carries its packets, and moving between rungs without losing any. */
export type { PathAction, PathEvent, Rung, SelectedPair } from "./event.ts";
export { Path, type PathView } from "./path.ts";
export { best, compare, type Option, type Score, score } from "./score.ts";
