/** Where a verb's words go: its answer on standard output, as JSON or for people; remarks on standard error. */
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import { Busy, terminalPlace } from "./busy.ts";

/** Version of the JSON shapes; it changes only when a field changes its meaning or goes. */
const JSON_VERSION = 1;

export class Output {
  readonly json: boolean;
  /** Whether answers may be coloured. */
  readonly colour: boolean;
  /** What a verb that takes long does now. */
  readonly busy: Busy;
  readonly #told = new Set<string>();

  constructor(o: { json: boolean; colour: boolean }) {
    this.json = o.json;
    this.colour = o.colour && !o.json;
    this.busy = new Busy(terminalPlace(o));
  }

  /** The verb's answer: `value` for programs, `human` for people. */
  answer(value: object, human: () => string): void {
    const text = this.json ? JSON.stringify({ version: JSON_VERSION, ...value }) : human();
    this.busy.clear();
    console.log(text);
  }

  /** Something to read while the verb goes on; programs get the answer alone. */
  progress(text: string): void {
    this.busy.clear();
    if (!this.json) console.log(text);
  }

  /** Something beside the answer, always on standard error. */
  remark(text: string): void {
    this.busy.clear();
    console.error(`ghostctl: ${text}`);
  }

  /** As `remark`, but not what was said so before: a change may have to be signed several times. */
  remarkOnce(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.remark(text);
  }

  /** The failure's line; with --json programs get it as an object, too. */
  failure(error: unknown): void {
    this.busy.stop();
    console.error(`ghostctl: ${errorLine(error)}`);
    if (!this.json) return;
    const ghost = error instanceof GhostError ? error : new GhostError("internal", errorLine(error));
    const { code, message, place, mend } = ghost;
    console.log(JSON.stringify({
      version: JSON_VERSION,
      error: { code, message, place: place ?? null, mend: mend ?? null },
    }));
  }
}
