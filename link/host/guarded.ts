/** Handlers that are called as if they never threw: what one throws is its own fault, and must end nothing of who calls it. */
import type { Log, LogFields } from "../../mesh/host/log.ts";
import { errorLine } from "../../mesh/wire/errors.ts";

/** One handler's failures are told this often, in ms: what comes with each packet could fill a disk. */
const TOLD_EVERY = 10_000;

/** A handler that threw. */
export interface HandlerFault {
  handler: string;
  error: unknown;
  /** How often it has thrown since it was told last, this time left out. */
  untold: number;
}

/**
 * The same handlers; what they throw, or reject with, is told by name.
 * @param o.now in ms
 */
export function guarded<T extends { [K in keyof T]: (...args: never[]) => void }>(
  handlers: T,
  o: { failed(fault: HandlerFault): void; now(): number },
): T {
  const told = new Map<string, { at: number; untold: number }>();
  const tell = (handler: string, error: unknown): void => {
    const last = told.get(handler);
    const now = o.now();
    if (last && Math.abs(now - last.at) < TOLD_EVERY) return void last.untold++;
    told.set(handler, { at: now, untold: 0 });
    o.failed({ handler, error, untold: last?.untold ?? 0 });
  };
  const guard = (name: string, handler: (...args: never[]) => unknown) => (...args: never[]): void => {
    try {
      const done = handler(...args);
      if (done instanceof Promise) done.catch((error) => tell(name, error));
    } catch (error) {
      tell(name, error);
    }
  };
  const all = Object.entries<(...args: never[]) => void>(handlers).map((
    [name, handler],
  ) => [name, guard(name, handler)]);
  return Object.fromEntries(all) as T;
}

/** Tells a fault of ours where people look. */
export function logFault(log: Log, { handler, error, untold }: HandlerFault, fields: LogFields): void {
  const before = untold > 0 ? untold : undefined;
  log.error("A handler failed, everything else goes on", { ...fields, handler, why: errorLine(error), before });
}
