/** What the gate's TURN service is held to: rows 15 and 16. */
import { type Mutation, one } from "../mutation.ts";

export const TURN: readonly Mutation[] = [
  one(
    "coturn itself refuses forbidden peers",
    "row 15: the gate's relay reaches",
    "gate/core/turn/config.ts",
    "...deniedRanges(plan.overlay).map(",
    "...deniedRanges([]).slice(0, 0).map(",
  ),
  one(
    "a node asks for itself",
    "row 15: credentials are for who asks",
    "gate/host/turn/desk.ts",
    "if (fault !== null) throw",
    "if (fault === undefined) throw",
  ),
  one(
    "requests of strangers are as long as their answers",
    "row 16: a stranger gets no more bytes",
    "gate/core/turn/ingress.ts",
    "udp length < ${UDP_HEADER + MIN_REQUEST} counter drop",
    "udp length < ${UDP_HEADER + 4 + 0 * MIN_REQUEST} counter drop",
  ),
  one(
    "a mailbox takes few asks of one sender",
    "row 16: a flood of asks",
    "mesh/server/routes/mail.ts",
    "...(peers ? {} : { fromOne: BETWEEN_ROLES })",
    "...(peers ? {} : { fromOne: 50 * BETWEEN_ROLES })",
  ),
];
