/** Lengths of time as a policy writes them: `"30m"`, `"12h"`, `"30d"`. */
import { type Notes, quoted, type Word } from "./shape.ts";

const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

/** The seconds of such a text; undefined when it is none, which is noted. */
export function readDuration(word: Word, { what, or = "", maxDays = 3650, notes }: {
  /** What it is the length of, for the fault. */
  what: string;
  maxDays?: number;
  /** Another word that may stand here. */
  or?: string;
  notes: Notes;
}): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(word.text) ?? [];
  const seconds = Number(count) * (UNITS[unit ?? ""] ?? NaN);
  if (seconds <= maxDays * 86_400) return seconds;
  notes.fault(word, `Bad ${what} ${quoted(word.text)}`, `write "12h" or "30d", at most "${maxDays}d"${or}`);
  return undefined;
}

/** Seconds in words: `90 days`. */
export function durationText(seconds: number): string {
  const [size, name] = seconds % 86_400 === 0
    ? [86_400, "day"]
    : seconds % 3600 === 0
    ? [3600, "hour"]
    : [60, "minute"];
  const count = seconds / size;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
