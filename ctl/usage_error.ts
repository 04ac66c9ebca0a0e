import { GhostError } from "../mesh/wire/errors.ts";

/** A command line that cannot be meant so: exit code 2. */
export class UsageError extends GhostError {
  constructor(message: string, mend = "see: ghostctl help") {
    super("bad_input", message, { mend });
  }
}
