/** What the daemon finds when it looks: at this machine's network, and at the path to one peer. Part of the local API (local.ts). */
import { rung } from "./local.ts";
import { z } from "./schema.ts";

/** This machine's network. The words of `ipv4` are those of RFC 4787. */
export const localNetcheck = z.object({
  udp: z.boolean(),
  ipv4: z.object({
    mapping: z.string(),
    /** False when a second STUN address could still show that the mapping depends on the address. */
    certain: z.boolean(),
    filtering: z.string(),
    portPreserving: z.boolean().nullable(),
    address: z.string().nullable(),
  }),
  ipv6: z.object({ works: z.boolean(), address: z.string().nullable() }),
  portMapping: z.object({
    enabled: z.boolean(),
    /** The router that is asked. */
    gateway: z.string().nullable(),
    /** Protocols that it answered: pcp, nat-pmp, upnp. */
    answered: z.array(z.string()),
    /** The tunnel's port as the router maps it. */
    mapping: z.object({ protocol: z.string(), address: z.string(), port: z.number() }).nullable(),
    /** Why there is none. */
    why: z.string().nullable(),
  }),
  clock: z.object({
    /** Ms by which this machine's clock is ahead of the coordinator's; null when that is not known. */
    aheadMs: z.number().nullable(),
  }),
  coordinator: z.boolean(),
  /** All gates of the network, `use` as in Status. */
  gates: z.array(
    z.object({
      name: z.string(),
      rttMs: z.number().nullable(),
      use: z.string(),
      rungs: z.array(rung),
      /** Transports on which its TURN service answers. */
      turn: z.array(z.enum(["udp", "tls", "tcp"])).default([]),
    }),
  ),
  /** What a person should know; empty when all is well. */
  verdict: z.array(z.string()),
});
export type LocalNetcheck = z.infer<typeof localNetcheck>;

/** A machine by name, id or address. */
export const localPathRequest = z.object({ peer: z.string().min(1).max(253) });
const place = z.object({ type: z.string(), address: z.string(), port: z.number() });
/** All about the path to one peer. */
export const localPath = z.object({
  name: z.string(),
  id: z.string(),
  rung: rung,
  endpoint: z.string().nullable(),
  rttMs: z.number().nullable(),
  /** Why it is no better; null when it is direct. */
  why: z.string().nullable(),
  ice: z.object({ role: z.string(), state: z.string() }),
  candidates: z.object({ local: z.array(place), remote: z.array(place) }),
  pairs: z.array(z.object({
    local: z.string(),
    remote: z.string(),
    type: z.string(),
    state: z.string(),
    checks: z.number(),
    rttMs: z.number().nullable(),
  })),
  guess: z.string().nullable(),
  timeline: z.array(z.object({ time: z.string(), what: z.string() })),
});
export type LocalPath = z.infer<typeof localPath>;
