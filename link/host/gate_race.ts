/** Dialling all addresses of a gate for one session. */
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import { familiesInTurn } from "../../mesh/wire/race.ts";
import { race, type RaceHost } from "../../mesh/host/race.ts";

/**
 * The first session that comes about at any of these addresses; every other dial has ended by then.
 * @throws GhostError why there is none: all that the dials said
 */
export async function raceFor<T>(addresses: readonly string[], host: RaceHost<string, T>): Promise<T> {
  const { first, ended } = race(familiesInTurn(addresses), host);
  try {
    return await first;
  } catch (error) {
    throw error instanceof AggregateError ? failure(error.errors) : error;
  } finally {
    await ended;
  }
}

function failure(failures: readonly unknown[]): GhostError {
  const [first] = failures;
  const lines = [...new Set(failures.map(errorLine))];
  if (lines.length === 1 && first instanceof GhostError) return first;
  return new GhostError("unreachable", lines.join("; ") || "No dial of the gate was made");
}
