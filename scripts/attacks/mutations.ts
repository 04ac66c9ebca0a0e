/** Every check that is removed, by groups of rows. */
import type { Mutation } from "./mutation.ts";
import { DOOR } from "./mutations/door.ts";
import { EXIT } from "./mutations/exit.ts";
import { FILTER } from "./mutations/filter.ts";
import { GATE } from "./mutations/gate.ts";
import { LEDGER } from "./mutations/ledger.ts";
import { ROUTER } from "./mutations/router.ts";
import { TURN } from "./mutations/turn.ts";
import { SURROUNDINGS } from "./mutations/surroundings.ts";

export const MUTATIONS: readonly Mutation[] = [
  ...DOOR,
  ...LEDGER,
  ...GATE,
  ...TURN,
  ...SURROUNDINGS,
  ...ROUTER,
  ...EXIT,
  ...FILTER,
];
