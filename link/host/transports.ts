/** The relayed rungs of the path ladder. A rung is a file that exports a `Transport`, and a line here. */
import { lane } from "./lane_rung.ts";
import { quic } from "./quic_rung.ts";
import type { Transport } from "./transport.ts";
import { turn } from "./turn_rung.ts";

export const TRANSPORTS: readonly Transport[] = [
  lane,
  quic,
  turn,
];
