/**
 * The log: one line per event on standard error, `TIME LEVEL ROLE: message key=value ...`. Whoever supervises the process
 * keeps it; there are no files. Secrets and what would tell of traffic never go in.
 */
import { errorLine } from "../wire/errors.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];
/** Details of an event; `undefined` ones are left out. */
export type LogFields = Record<string, unknown>;

/** Writes events of one role. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A log for `role` that shows `level` and above. */
export function createLog(
  role: string,
  { level = "info", write = (line) => console.error(line), now = () => Date.now() }: {
    level?: LogLevel;
    write?: (line: string) => void;
    now?: () => number;
  } = {},
): Log {
  const at = (of: LogLevel) => (message: string, fields: LogFields = {}) => {
    if (LEVELS.indexOf(of) < LEVELS.indexOf(level)) return;
    let line = `${new Date(now()).toISOString()} ${of} ${role}: ${message}`;
    for (const [key, value] of Object.entries(fields)) if (value !== undefined) line += ` ${key}=${show(value)}`;
    // deno-lint-ignore no-control-regex
    write(line.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, " "));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function show(value: unknown): string {
  const text = value instanceof Error
    ? errorLine(value)
    : typeof value === "object"
    ? JSON.stringify(value) ?? ""
    : String(value);
  return /^[^\s"=\u0080-\u009f\u202a-\u202e\u2066-\u2069]+$/.test(text) ? text : JSON.stringify(text);
}
