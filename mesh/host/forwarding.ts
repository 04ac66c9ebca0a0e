/**
 * Forwarding between the tunnel and the interfaces behind which carried prefixes lie, switched on for just these interfaces
 * and put back at the end. Values that were changed are written down before the change, so that the next start puts back
 * what a crash left; after a reboot nothing is put back, because the kernel has forgotten too.
 *
 * IPv4 forwards when the interface where a packet arrives says so. IPv6 has had the same since Linux 6.17
 * (`force_forwarding`); before that only the whole machine can forward, which stops it from taking router advertisements
 * unless `accept_ra` is 2, so that is set first.
 *
 * Everything goes through `sysctl`: Deno lets only a process with all permissions open /proc/sys.
 */
import type { Runner } from "./runner.ts";
import { readJson, writeJson } from "./state_dir.ts";
import { GhostError } from "../wire/errors.ts";
import { parse, z } from "../wire/schema.ts";
import { runTool, toolError } from "./tool.ts";

const savedFile = z.strictObject({
  version: z.literal(1),
  boot: z.string().max(64),
  /** In the order of the changes. */
  values: z.array(z.strictObject({
    key: z.string().max(128).regex(/^net\/ipv[46]\/conf\/[^/\s]{1,15}\/[a-z_]+$/, "Expected a forwarding setting"),
    before: z.string().max(8).regex(/^-?\d+$/, "Expected a number"),
  })).max(1000),
});
type Saved = z.infer<typeof savedFile>;

/** An interface that carried traffic leaves by. */
export interface Egress {
  iface: string;
  family: 4 | 6;
}

/** What has to be kept from passing: an interface that forwards only for our sake; null is the whole machine. */
export interface ForwardGuard {
  iface: string | null;
  family: 4 | 6;
}

/** Forwarding for one program. */
export class Forwarding {
  readonly #runner: Runner;
  readonly #sysctl: string;
  readonly #iface: string | null;
  readonly #file: string;
  #saved: Saved | null = null;
  #current: readonly Egress[] = [];

  /** @param o.iface the tunnel interface; null without one @param o.file where to write down what was changed, in the state folder */
  constructor(o: { runner: Runner; tools: { sysctl: string }; iface: string | null; file: string }) {
    this.#runner = o.runner;
    this.#sysctl = o.tools.sysctl;
    this.#iface = o.iface;
    this.#file = o.file;
  }

  /**
   * Puts back what an earlier run left behind; call it once at the start.
   * @throws GhostError `missing_privilege`
   */
  async recover(): Promise<void> {
    const saved = await readJson(this.#file);
    if (saved === undefined) return;
    this.#saved = parse(savedFile, saved, this.#file, "bad_config");
    if (this.#saved.boot !== await this.#boot()) return await this.#forget();
    await this.restore();
  }

  /**
   * Switches forwarding on between the tunnel and these interfaces; what was switched on for others is put back. Call it
   * again when the tunnel interface was made anew.
   * @returns what the nft table has to guard: interfaces that did not forward before, so only for our sake do now
   * @throws GhostError `missing_privilege`
   */
  async set(egress: readonly Egress[]): Promise<ForwardGuard[]> {
    const gone = this.#current.filter((c) => !egress.some((e) => e.iface === c.iface && e.family === c.family));
    if (gone.length > 0) await this.restore();
    this.#current = egress;
    const guards: ForwardGuard[] = [];
    for (const family of [4, 6] as const) {
      const names = new Set(egress.filter((e) => e.family === family).map((e) => e.iface));
      if (names.size === 0) continue;
      if (family === 6 && await this.#read(key(6, "all", "force_forwarding")) === null) {
        if (await this.#wholeMachine()) guards.push({ iface: null, family });
        continue;
      }
      const setting = family === 4 ? "forwarding" : "force_forwarding";
      if (this.#iface !== null) {
        await this.#write(key(family, this.#iface, setting), "1", { remember: false }); // it goes away with the interface
      }
      for (const name of names) {
        if (await this.#switchOn(key(family, name, setting))) guards.push({ iface: name, family });
      }
    }
    return guards;
  }

  /**
   * Whether somebody else has made the whole machine forward since: then what was switched on here is theirs as well, so it is
   * neither guarded nor put back any more. True once.
   */
  async yielded(): Promise<boolean> {
    if (!this.#saved) return false;
    const left = this.#saved.values.filter((v) => v.key.endsWith("/rp_filter"));
    for (const family of [4, 6] as const) {
      const mine = this.#saved.values.filter((v) =>
        v.key.startsWith(`net/ipv${family}/`) && !v.key.endsWith("/rp_filter")
      );
      const all = key(family, "all", "forwarding");
      const theirs = mine.length > 0 && !this.#ours(all) && await this.#read(all) === "1";
      if (!theirs) left.push(...mine);
    }
    if (left.length === this.#saved.values.length) return false;
    this.#saved.values = left;
    if (left.length === 0) await this.#forget();
    else await writeJson(this.#file, this.#saved);
    return true;
  }

  /**
   * Makes strict reverse-path filters of these interfaces loose (RFC 3704, section 2.4), until `restore()`. The kernel takes the
   * larger of an interface's own and that of `all`: 1 is strict, 2 is loose.
   */
  async loosen(names: readonly string[]): Promise<void> {
    const all = await this.#read(key(4, "all", "rp_filter"));
    for (const name of names) {
      const own = await this.#read(key(4, name, "rp_filter"));
      const strict = own !== null && own !== "2" && all !== "2" && (own === "1" || all === "1");
      if (strict) await this.#write(key(4, name, "rp_filter"), "2", { remember: true });
    }
  }

  /** Puts everything back that is still ours, the last change first. */
  async restore(): Promise<void> {
    await this.yielded();
    for (const { key, before } of this.#saved?.values.toReversed() ?? []) {
      // An interface that is gone has nothing to put back.
      if (await this.#read(key) !== null) await this.#write(key, before, { remember: false });
    }
    await this.#forget();
    this.#current = [];
  }

  /** @returns true when the machine did not forward IPv6 before us */
  async #wholeMachine(): Promise<boolean> {
    const all = key(6, "all", "forwarding");
    if (!await this.#ours(all) && await this.#read(all) === "1") return false;
    for (const [setting, value] of await this.#readAll("net/ipv6/conf", "accept_ra")) {
      if (value === "1") await this.#write(setting, "2", { remember: true });
    }
    return await this.#switchOn(all);
  }

  /** @returns true when it was off before us */
  async #switchOn(setting: string): Promise<boolean> {
    const now = await this.#read(setting);
    if (now === null) return false;
    if (now === "1") return this.#ours(setting);
    await this.#write(setting, "1", { remember: true });
    return true;
  }

  #ours(setting: string): boolean {
    return this.#saved?.values.some((v) => v.key === setting) ?? false;
  }

  async #boot(): Promise<string> {
    return (await runTool(this.#runner, [this.#sysctl, "-n", "kernel/random/boot_id"])).trim();
  }

  async #forget(): Promise<void> {
    this.#saved = null;
    await Deno.remove(this.#file).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  /** Null when there is no such setting. */
  async #read(setting: string): Promise<string | null> {
    const result = await this.#runner.run(this.#sysctl, ["-n", setting]);
    if (result.code === 0) return result.stdout.trim();
    if (/no such file|cannot stat/i.test(result.stderr)) return null;
    throw toolError(result, `sysctl ${setting}`);
  }

  async #readAll(folder: string, name: string): Promise<[string, string][]> {
    const pattern = `^${folder.replaceAll("/", "\\.")}\\..*\\.${name}$`;
    const out = await runTool(this.#runner, [this.#sysctl, "-a", "-r", pattern]);
    return out.split("\n").flatMap((line): [string, string][] => {
      // `sysctl -a` writes eth0.100 as eth0/100 and separates by dots.
      const match = /^net\.ipv6\.conf\.(.+)\.[a-z_]+ = (-?\d+)$/.exec(line.trim());
      if (!match) return [];
      const iface = match[1]!.replaceAll("/", ".");
      return iface === "all" || iface === "default" ? [] : [[`${folder}/${iface}/${name}`, match[2]!]];
    });
  }

  async #write(setting: string, value: string, { remember }: { remember: boolean }): Promise<void> {
    if (remember && !this.#ours(setting)) {
      const before = await this.#read(setting);
      if (before === null) return;
      this.#saved ??= { version: 1, boot: await this.#boot(), values: [] };
      this.#saved.values.push({ key: setting, before });
      await writeJson(this.#file, this.#saved);
    }
    const result = await this.#runner.run(this.#sysctl, ["-q", "-w", `${setting}=${value}`]);
    if (result.code === 0) return;
    if (/read-only file system/i.test(result.stderr)) {
      throw new GhostError("missing_privilege", "Cannot switch forwarding on: /proc/sys is read-only", {
        place: setting,
        mend: `set it from outside: sysctl -w ${setting}=${value}`,
      });
    }
    throw toolError(result, `sysctl -w ${setting}=${value}`);
  }
}

function key(family: 4 | 6, iface: string, name: string): string {
  return `net/ipv${family}/conf/${iface}/${name}`;
}
