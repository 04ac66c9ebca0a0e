/** What all ways in without a token share: first contact, the proof that a way makes, and enrolling with it. */
import type { MeshClient } from "../../../mesh/client/mod.ts";
import type { SigningKey } from "../../../mesh/trust/keys.ts";
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { AdmissionProof } from "../../../mesh/wire/record.ts";
import { enrolBy, type Joined, type Machine } from "../join.ts";
import type { NodeState } from "../state.ts";
import { meet, readServer } from "./first_contact.ts";

/** What `ghostlink join` was told, whatever the way. */
export interface TokenlessJoin {
  server: string;
  network: string | undefined;
  name?: string;
  machine: Machine;
  /** Asks a person whether this is the network that is meant; null where there is no terminal. */
  confirm: ((network: { id: string; name: string }) => Promise<boolean>) | null;
  random(n: number): Bytes;
  /** ms since 1970. */
  now(): number;
}

/** What first contact brought: where the coordinator is, and the ledger, checked. */
export type Contact = Awaited<ReturnType<typeof meet>>;

/** A way in. */
export interface Way {
  method: "oidc" | "mtls";
  /** What to do on a machine that is in this network already. */
  again: string;
  /** The proof, checked as everybody will, and who hands it to the coordinator. */
  prove(contact: Contact, key: SigningKey): Promise<{ proof: AdmissionProof; client: MeshClient }>;
}

/** Joins a network. @throws GhostError in one line for each way it can fail; the state is then as before */
export async function joinBy(state: NodeState, o: TokenlessJoin, way: Way): Promise<Joined> {
  const { server, net } = readServer(o.server, o.network);
  const before = await state.network();
  if (before) {
    throw new GhostError("already_claimed", `This machine belongs to network ${before.net}`, {
      place: state.dir,
      mend: net === undefined || net === before.net
        ? way.again
        : "give the other network a folder of its own with --state-dir",
    });
  }
  const identity = await state.identityOrNew(o.random);
  const contact = await meet({ ...o, server, net, method: way.method, key: identity.identity });
  using _first = contact.client;
  const { proof, client } = await way.prove(contact, identity.identity);
  using own = client;
  return await enrolBy(state, {
    identity,
    server: contact.server,
    ca: contact.ca,
    ledger: contact.ledger,
    client: own,
    proof,
    machine: o.machine,
    now: o.now,
    ...(o.name === undefined ? {} : { name: o.name }),
  });
}
