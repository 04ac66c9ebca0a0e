/**
 * When a machine that starts is said to be up: with its first session with a gate, by which others reach it at once. Where it is
 * plain that there will be none, or none comes for a while, it is up all the same, and why nobody waits any longer is told.
 */

/** A session is waited for so long, in ms. */
export const UP_PATIENCE = 2_000;

/** See the head of this file. */
export class UpWait {
  readonly #answer = Promise.withResolvers<string | null>();
  /** What kept each gate's session away. */
  readonly #failed = new Map<string, string>();
  /** Gates that a session is asked of; null while that is not known. */
  #gates: readonly string[] | null = null;

  /** Resolves with null once there is a session, else with why none is waited for. */
  get over(): Promise<string | null> {
    return this.#answer.promise;
  }

  /** The same, after so many ms at the latest. */
  async within(ms: number): Promise<string | null> {
    const late = setTimeout(() => this.end(), ms);
    try {
      return await this.over;
    } finally {
      clearTimeout(late);
    }
  }

  /** These are all gates with which there may be a session, as the coordinator or the last run has it. */
  gates(ids: readonly string[]): void {
    this.#gates = ids;
    this.#look();
  }

  /** A session came up, or could not be made. */
  session(gate: string, { up, reason }: { up: boolean; reason: string | null }): void {
    if (up) return this.#answer.resolve(null);
    this.#failed.set(gate, reason ?? "it ended");
    this.#look();
  }

  /** Nobody waits any more. */
  end(): void {
    this.#answer.resolve(this.#why ?? (this.#gates === null ? "no gate is known yet" : "no gate has answered yet"));
  }

  get #why(): string | null {
    return [...this.#failed.values()][0] ?? null;
  }

  #look(): void {
    if (this.#gates === null) return;
    if (this.#gates.length === 0) return this.#answer.resolve("there is no gate to have a session with");
    if (this.#gates.every((id) => this.#failed.has(id))) this.#answer.resolve(this.#why);
  }
}
