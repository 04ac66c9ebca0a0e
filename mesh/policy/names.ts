/** Names: which are well formed, and which known one is nearest to a mistyped one. */

/** A DNS label: names of groups, tags, hosts and machines. */
export function isLabel(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/** A user, as a join token or an identity provider names one: by e-mail, or as `SUB@https://ISSUER`. */
export function isUser(text: string): boolean {
  if (/^[^\s"]{1,255}@https?:\/\/[^\s@"]{1,2000}$/.test(text)) return true;
  return text.length <= 254 && /^[^\s@"]+@[^\s@"]+$/.test(text) && !text.startsWith("idp:");
}

/** A group of an identity provider: `idp:sre`. */
export function isIdpGroup(text: string): boolean {
  return /^idp:[^\s"]{1,128}$/.test(text);
}

/** A DNS domain in lower case, as e-mail addresses end. */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(text);
}

/** Number of single-character edits, swaps of neighbours counted as one (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      next.push(best);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

/** The known name that `word` was probably meant to be, if any is near: at most a third of its letters differ. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}

/** `did you mean "x"?`, or what the known ones are, or `fallback`. */
export function suggest(word: string, known: readonly string[], fallback: string): string {
  const near = nearest(word, known);
  return near === undefined ? fallback : `did you mean "${near}"?`;
}
