/** Exit nodes: the one in use, those that offer themselves, and what ghostctl asks for. Part of the local API (local.ts). */
import { z } from "./schema.ts";

/** The exit node in use. */
export const localExitUse = z.object({
  name: z.string(),
  node: z.string(),
  lan: z.boolean(),
  killSwitch: z.boolean(),
  /** What goes through it; a family that does not is blocked. */
  ipv4: z.boolean(),
  ipv6: z.boolean(),
  /** Why it cannot be used now, so that nothing leaves; null: it can. */
  why: z.string().nullable(),
});
export type LocalExitUse = z.infer<typeof localExitUse>;

/** Exit nodes as this machine has them. */
export const localExit = z.object({
  use: localExitUse.nullable(),
  /** This machine as an exit node: what it announces, and what of that is approved. */
  offer: z.object({ on: z.boolean(), announced: z.array(z.string()), approved: z.array(z.string()) }),
  exits: z.array(
    z.object({ name: z.string(), id: z.string(), ipv4: z.boolean(), ipv6: z.boolean(), online: z.boolean() }),
  ),
  notes: z.array(z.string()),
});
export type LocalExit = z.infer<typeof localExit>;
/** Which exit node to use (null: none), or whether to offer this machine as one. */
export const localExitRequest = z.union([
  z.strictObject({
    use: z.strictObject({ node: z.string().min(1).max(253), lan: z.boolean(), killSwitch: z.boolean() }).nullable(),
  }),
  z.strictObject({ offer: z.boolean() }),
]);
export type LocalExitRequest = z.infer<typeof localExitRequest>;
