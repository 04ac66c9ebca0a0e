/**
 * Handing ledger entries to every gate, so that a coordinator that keeps them to itself delays nothing: gates hand them on to
 * all machines that have a session. Which gates there are is remembered here, because the coordinator may hide them too.
 */
import { GateLine } from "../../mesh/client/gate_line.ts";
import { TicketBook } from "../../mesh/client/gate_tickets.ts";
import { race } from "../../mesh/host/race.ts";
import { readJson, writeJson } from "../../mesh/host/state_dir.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { type VerifiedGate, verifyGateRecord } from "../../mesh/trust/record.ts";
import { AdmitRules } from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { familiesInTurn } from "../../mesh/wire/race.ts";
import { jws, z } from "../../mesh/wire/schema.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import { random, unixTime } from "./host.ts";
import type { KnownNetwork } from "./store.ts";

/** One address of a gate gets this long for one round, in ms; an admin waits for the slowest gate. */
const ROUND_TIME = 2_000;
/** A gate that is behind is brought forward in rounds. */
const MAX_ROUNDS = 8;
/** Entries of one round, and their characters: they have to fit a control message. One that is larger comes by other ways. */
const MAX_ENTRIES = 64;
const MAX_SIZE = 48_000;
const MAX_GATES = 64;

const kept = z.array(jws).max(MAX_GATES);

/** Gate records that were seen earlier, as far as they still hold, with those that are `known` now; they are kept again. */
async function allGates(path: string, known: readonly VerifiedGate[], ledger: Ledger): Promise<VerifiedGate[]> {
  const before = kept.safeParse(await readJson(path).catch(() => []));
  const gates = new Map<string, VerifiedGate>();
  const admit = new AdmitRules().of(ledger.policy);
  for (const text of before.success ? before.data : []) {
    try {
      const gate = await verifyGateRecord(text, { ledger, now: unixTime(), admit });
      gates.set(gate.id, gate);
    } catch (error) {
      if (!(error instanceof GhostError)) throw error; // it is out, or has moved on
    }
  }
  for (const gate of known) {
    const other = gates.get(gate.id);
    if (!other || other.record.seq < gate.record.seq) gates.set(gate.id, gate);
  }
  const all = [...gates.values()].slice(-MAX_GATES);
  await writeJson(path, all.map((gate) => gate.jws));
  return all;
}

/** What follows `head` in the ledger and fits one round; empty when that is another chain's, or nothing fits. */
function nextEntries(ledger: Ledger, head: LedgerHead): string[] {
  if (ledger.hashAt(head.seq) !== head.hash) return [];
  const entries: string[] = [];
  for (let at = head.seq + 1, size = 0; entries.length < MAX_ENTRIES; at++) {
    const entry = ledger.at(at);
    if (entry === undefined || (size += entry.length) > MAX_SIZE) break;
    entries.push(entry);
  }
  return entries;
}

/**
 * Brings one gate forward to the ledger's head, beginning with the entries after `head`. Its addresses are dialled staggered, and
 * the first that answers is handed the entries.
 * @throws GhostError why none took them
 */
export async function handTo(
  gate: VerifiedGate,
  o: { net: string; admin: SigningKey; ledger: Ledger; head: LedgerHead },
): Promise<void> {
  const dial = { gate, net: o.net, key: o.admin, random, timeout: ROUND_TIME, tickets: new TicketBook() };
  let hosts = familiesInTurn(gate.record.hosts);
  let { head } = o;
  for (let round = 0; round < MAX_ROUNDS && head.seq < o.ledger.head.seq; round++) {
    const entries = nextEntries(o.ledger, head);
    if (entries.length === 0) return;
    const { first, ended } = race(hosts, {
      dial: (host, { signal, turn }) =>
        GateLine.open({ ...dial, host, signal }, async (line) => {
          await turn();
          await line.send({ t: "hand", proof: line.proof, entries });
          const answer = await line.expect("handed");
          line.close();
          return { host, head: answer.head };
        }),
      close: () => {},
      signal: new AbortController().signal,
    });
    try {
      const answer = await first;
      head = answer.head;
      hosts = [...new Set([answer.host, ...hosts])];
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      await ended;
    }
  }
}

/**
 * Hands what follows `head` to all gates at once. Never throws: a gate that is away, or that does not want to, hears of it as
 * machines do.
 * @param o.dir ghostctl's folder
 */
export async function handToGates(
  known: KnownNetwork,
  o: { dir: string; gates: readonly VerifiedGate[]; ledger: Ledger; head: LedgerHead },
): Promise<void> {
  const gates = await allGates(`${o.dir}/${known.network.id}.gates.json`, o.gates, o.ledger);
  const { ledger, head } = o;
  const from = { net: known.network.id, admin: known.admin, ledger, head };
  await Promise.allSettled(gates.map((gate) => handTo(gate, from)));
}
