/** The firewall in force, and what it dropped or logged. Part of the local API (local.ts). */
import { z } from "./schema.ts";

/** The filter in force, rule by rule, with what each has counted. */
export const localFirewall = z.object({
  /** Name of the back end. */
  backend: z.string(),
  interface: z.string(),
  /** Ledger entry of the policy in force; null without a usable one, and then nothing passes. */
  entry: z.number().nullable(),
  /** RFC 3339: since when the counts run. */
  since: z.string(),
  /** In the order in which they are asked. */
  rows: z.array(z.object({
    /** Where the rule stands in the policy; null for what holds without one. */
    line: z.number().nullable(),
    direction: z.enum(["in", "out"]),
    what: z.enum(["log", "drop", "limit", "allow", "refused", "stranger", "invalid"]),
    /** In words. */
    text: z.string(),
    /** Null when the back end does not count it. */
    packets: z.number().nullable(),
    bytes: z.number().nullable(),
    /** Lines of other rules that count together with this one. */
    with: z.array(z.number()),
  })),
});
export type LocalFirewall = z.infer<typeof localFirewall>;
/** A flow that was dropped or logged: all its packets of the last hour together. */
export const localFirewallFlow = z.object({
  /** RFC 3339: its last packet. */
  time: z.string(),
  /** By a rule of `[[firewall]]`; refused: no rule allows it; stranger: the source is nobody's whom this machine sees. */
  what: z.enum(["logged", "dropped", "limited", "refused", "stranger"]),
  line: z.number().nullable(),
  direction: z.enum(["in", "out"]),
  source: z.string(),
  destination: z.string(),
  /** `tcp`, `ipv6-icmp`, or a number. */
  protocol: z.string(),
  port: z.number().nullable(),
  packets: z.number(),
});
export type LocalFirewallFlow = z.infer<typeof localFirewallFlow>;
