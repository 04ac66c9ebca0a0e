/**
 * Whether an answer has the shape of an example, without loading a schema library: the daemon is of the same machine and user, so this
 * guards against another version of it, not against an attacker. null stands for any value, a list's first element for all.
 */
export function fits(value: unknown, example: unknown): boolean {
  if (value === null && typeof example !== "object") return true;
  if (Array.isArray(example)) return Array.isArray(value) && value.every((v) => fits(v, example[0]));
  if (typeof example !== "object" || example === null) return typeof value === typeof example;
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(example).every(([key, inner]) => fits((value as Record<string, unknown>)[key], inner));
}
