/**
 * The one error family of GhostMesh: what went wrong in words, a stable code, and where it can be mended.
 * Misuse of a function stays a TypeError or RangeError; a GhostError is always about input, state or the outside world.
 */

/** Stable codes; they appear in problem documents (RFC 9457), in `--json` output and in tests. */
export type ErrorCode =
  | "bad_input"
  | "bad_config"
  | "bad_token"
  | "token_expired"
  | "token_used_up"
  | "token_foreign"
  | "bad_signature"
  | "bad_record"
  | "bad_ledger"
  | "ledger_moved"
  | "ledger_rollback"
  | "ledger_fork"
  | "not_admitted"
  | "unknown_key"
  | "revoked"
  | "name_taken"
  | "address_taken"
  | "stale_record"
  | "clock_skew"
  | "replayed"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "not_claimed"
  | "already_claimed"
  | "bad_setup_code"
  | "bad_policy"
  | "too_large"
  | "too_many"
  | "port_in_use"
  | "missing_tool"
  | "missing_privilege"
  | "unreachable"
  | "wrong_network"
  | "not_supported"
  | "timeout"
  | "internal";

/** Details that go with a GhostError. */
export interface ErrorDetails {
  /** Where the fault is: `ghostmesh.toml:3:1 server.bind`, `candidates[2].port`, ... */
  place?: string;
  /** What the reader can do about it, as a sentence or a command to type. */
  mend?: string;
  cause?: unknown;
}

/** An expected failure, told in one line. */
export class GhostError extends Error {
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly mend: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "GhostError";
    this.code = code;
    this.place = details.place;
    this.mend = details.mend;
  }

  /** The whole story in one line: `place: message; mend`. */
  get line(): string {
    return oneLine(`${this.place ? `${this.place}: ` : ""}${this.message}${this.mend ? `; ${this.mend}` : ""}`);
  }
}

function oneLine(text: string): string {
  // Control characters in what a stranger sent must not reach a terminal or split a log line, nor turn its direction.
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, " ").slice(0, 2000);
}

/** One line for any thrown value. */
export function errorLine(error: unknown): string {
  if (error instanceof GhostError) return error.line;
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** HTTP status for each code that a server answers with; everything else is 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  bad_input: 400,
  bad_token: 400,
  bad_signature: 400,
  bad_record: 400,
  bad_ledger: 400,
  bad_policy: 422,
  token_expired: 403,
  token_used_up: 403,
  token_foreign: 403,
  not_admitted: 403,
  unknown_key: 403,
  revoked: 403,
  forbidden: 403,
  bad_setup_code: 403,
  unauthorized: 401,
  clock_skew: 401,
  replayed: 401,
  not_found: 404,
  name_taken: 409,
  address_taken: 409,
  stale_record: 409,
  ledger_moved: 409,
  ledger_fork: 409,
  not_claimed: 409,
  already_claimed: 409,
  wrong_network: 409,
  too_large: 413,
  too_many: 429,
  not_supported: 422,
};

/** A problem document, RFC 9457. `code` is GhostMesh's extension member and is what programs look at. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  code: ErrorCode;
  place?: string;
}

/** The problem document for an error; what is not a GhostError tells nothing of its insides. */
export function toProblem(error: unknown): Problem {
  if (!(error instanceof GhostError)) {
    return { type: "urn:ghostmesh:problem:internal", title: "Internal error", status: 500, code: "internal" };
  }
  return {
    type: `urn:ghostmesh:problem:${error.code}`,
    title: oneLine(error.message),
    status: STATUS[error.code] ?? 500,
    ...(error.mend ? { detail: oneLine(error.mend) } : {}),
    code: error.code,
    ...(error.place ? { place: oneLine(error.place) } : {}),
  };
}

/** The error that a problem document told of; tolerant, because a proxy may have written the body. */
export function fromProblem(status: number, body: unknown): GhostError {
  const p = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (key: string) => (typeof p[key] === "string" ? oneLine(p[key] as string) : undefined);
  const known = text("code") !== undefined && text("type")?.startsWith("urn:ghostmesh:problem:");
  const details: ErrorDetails = {};
  if (text("place")) details.place = text("place")!;
  if (text("detail")) details.mend = text("detail")!;
  return new GhostError(
    known ? text("code") as ErrorCode : status >= 500 ? "unreachable" : "bad_input",
    text("title") ?? `The server answered with status ${status}`,
    details,
  );
}
