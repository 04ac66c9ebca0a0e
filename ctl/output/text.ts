/** Aligned tables and short spellings of numbers. */

/** What machines say of themselves must not steer a terminal: control and direction-changing characters are shown as escapes. */
export function printable(text: string, { lines = false }: { lines?: boolean } = {}): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => {
    if (lines && (c === "\n" || c === "\t")) return c;
    return `\\u{${c.codePointAt(0)!.toString(16)}}`;
  });
}

/** Columns of the terminal that standard output is; without one a line may be as long as it likes. */
export function terminalWidth(): number {
  try {
    return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity;
  } catch {
    return Infinity;
  }
}

/** What a row is found by elsewhere: the first column to go where there is no room, because --json and whois have it. */
const LONG_NAMES = ["ID", "KEY"];

/** A column is not made narrower than this, in characters. */
const NARROW = 8;

/** Widths that fit: the widest columns give way first, never the first one, which names the row. */
function fitting(widths: readonly number[], room: number): number[] {
  const fit = [...widths];
  for (;;) {
    const over = fit.reduce((sum, w) => sum + w, 2 * (fit.length - 1)) - room;
    const widest = fit.slice(1).reduce((best, w, i) => w > fit[best]! ? i + 1 : best, 1);
    if (over <= 0 || fit.length < 2 || fit[widest]! <= NARROW) return fit;
    fit[widest] = Math.max(NARROW, fit[widest]! - over);
  }
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/**
 * Columns side by side, a heading above; null is shown as a dash. What does not fit into the terminal is left out (ids and keys)
 * or cut short.
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  { colour, width = terminalWidth() }: { colour: boolean; width?: number },
): string {
  const cells = [heading, ...rows].map((row) =>
    row.map((cell) => cell === null || cell === "" ? "-" : printable(cell))
  );
  const natural = heading.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const total = natural.reduce((sum, w) => sum + w, 2 * (heading.length - 1));
  if (total > width && heading.length > 2 && LONG_NAMES.includes(heading.at(-1)!)) {
    return table(heading.slice(0, -1), rows.map((row) => row.slice(0, -1)), { colour, width });
  }
  const widths = fitting(natural, width);
  return cells.map((row, i) => {
    const line = row.map((cell, i) => cut(cell, widths[i]!)).map((cell, i) =>
      i === row.length - 1 ? cell : cell.padEnd(widths[i]!)
    )
      .join("  ");
    return colour && i === 0 ? bold(line) : line;
  }).join("\n");
}

/** Names and values in two columns. */
export function pairs(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join("\n");
}

function bold(text: string): string {
  return `\x1b[1m${text}\x1b[0m`;
}

/** `4.2 ms`; null when nothing was measured. */
export function milliseconds(value: number | null): string | null {
  return value === null ? null : `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** `1.5 MB` in powers of 1000. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${unit === 0 || rest >= 99.5 ? Math.round(rest) : rest.toFixed(1)} ${units[unit]}`;
}

/** `3m ago` for an RFC 3339 time; null when there is none. */
export function ago(time: string | null, now: number): string | null {
  if (time === null) return null;
  const at = Date.parse(time);
  if (Number.isNaN(at)) return time;
  return `${span(Math.max(0, now - at) / 1000)} ago`;
}

/** `45s`, `3m`, `5h`, `9d` */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}
