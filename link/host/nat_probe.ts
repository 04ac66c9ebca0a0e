/** What this machine's NAT is like: the STUN services of the gates, asked from a fresh socket (link/core/nat/kind.ts judges). */
import { type NatKind, natKind, type Observation } from "../core/nat/kind.ts";
import { CHANGE_REQUEST, familyOf, field, type StunCrypto, type TransportAddress } from "../../mesh/wire/stun/mod.ts";
import { StunAsker } from "./stun_ask.ts";

/** A STUN service with the own address that the route towards it leaves from. */
export interface StunService {
  server: TransportAddress;
  /** Its second port, where it has one. */
  alternate: number | null;
  base: string;
}

/** What was found, and how far away each service is (null: no answer), in the order in which they were given. */
export interface NatReport {
  kind: NatKind;
  rttMs: (number | null)[];
}

/** Asks these services, which are all of one family. */
export async function probeNat(services: readonly StunService[], crypto: StunCrypto): Promise<NatReport> {
  const [first] = services;
  if (!first) {
    return { kind: natKind({ base: { address: "", port: 0 }, observations: [], otherPort: null }), rttMs: [] };
  }
  const family = familyOf(first.server.address);
  using asker = new StunAsker({ crypto, family });
  const base = { address: first.base, port: asker.port };
  const filtered = otherPort(services, { crypto, family });
  const answers = await Promise.all(services.map(async ({ server, alternate }) => {
    const seen = await asker.ask(server);
    const again = seen && alternate !== null ? await asker.ask({ ...server, port: alternate }) : null;
    const observations: Observation[] = [];
    if (seen) observations.push({ server, mapped: seen.mapped });
    if (again && alternate !== null) {
      observations.push({ server: { ...server, port: alternate }, mapped: again.mapped });
    }
    return { observations, rttMs: seen?.rttMs ?? null };
  }));
  const observations = answers.flatMap((answer) => answer.observations);
  const kind = natKind({ base, observations, otherPort: observations.length === 0 ? null : await filtered });
  return { kind, rttMs: answers.map((answer) => answer.rttMs) };
}

/** Whether an answer from a port that nothing was sent to comes in; the socket must never have spoken to that port. */
async function otherPort(
  services: readonly StunService[],
  o: { crypto: StunCrypto; family: 4 | 6 },
): Promise<boolean | null> {
  const able = services.filter(({ alternate }) => alternate !== null);
  if (able.length === 0) return null;
  const answers = await Promise.all(able.map(async ({ server }) => {
    using asker = new StunAsker(o);
    return await asker.ask(server, [field(CHANGE_REQUEST, { address: false, port: true })]);
  }));
  return answers.some((answer) => answer !== null);
}

/** Outer ports of `count` fresh sockets towards one server, in the order in which they first sent; as many as were answered. */
export async function sampleMappings(
  server: TransportAddress,
  o: { crypto: StunCrypto; count: number },
): Promise<TransportAddress[]> {
  const seen: TransportAddress[] = [];
  for (let n = 0; n < o.count; n++) {
    using asker = new StunAsker({ crypto: o.crypto, family: familyOf(server.address) });
    const answer = await asker.ask(server);
    if (answer) seen.push(answer.mapped);
  }
  return seen;
}
