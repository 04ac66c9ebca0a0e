/** Seconds of `90s`, `90m`, `24h`, `7d` or `4w`; null when it is none of these or not positive. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,7})([smhdw])$/.exec(text);
  if (!match) return null;
  const unit = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[match[2]!]!;
  return Number(match[1]) * unit || null;
}
