/** Programs of Debian packages that are not installed, because that would change the machine: unpacked into the user's cache for tests. */
import { join } from "node:path";
import { exists, Failure, run, which } from "./run.ts";

/**
 * Fetches packages and unpacks them into one folder, as they would lie below `/`, with everything of /bin, /sbin and /lib
 * in /usr. Does nothing when they are there.
 * @throws Failure where there is no apt, or it does not have them
 */
export async function unpack(target: string, packages: readonly string[], say: (line: string) => void): Promise<void> {
  if (await exists(target)) return;
  const [apt, dpkg] = [await which("apt-get"), await which("dpkg-deb")];
  if (!apt || !dpkg) {
    throw new Failure(`Tests need programs of the Debian packages ${packages.join(" ")}, and there is no apt`);
  }
  say(`unpacking ${packages.join(" ")} for tests`);
  const fresh = `${target}.new`;
  await Deno.remove(fresh, { recursive: true }).catch(() => {});
  const [files, root] = [join(fresh, "files"), join(fresh, "root")];
  await Deno.mkdir(files, { recursive: true });
  const download = (codes: readonly number[] | "any") =>
    run([apt, "download", ...packages], { cwd: files, codes, timeout: 300_000 });
  if ((await download("any")).code !== 0) {
    if (Deno.uid() === 0) await run([apt, "update"], { timeout: 600_000 });
    await download([0]);
  }
  for await (const { name } of Deno.readDir(files)) await run([dpkg, "--extract", join(files, name), root]);
  for (const dir of ["bin", "sbin", "lib"]) {
    if (await exists(join(root, dir))) {
      await run(["/bin/sh", "-euc", 'mkdir -p "$1/usr/$2"; cp -a "$1/$2/." "$1/usr/$2/"', "sh", root, dir]);
    }
  }
  await Deno.rename(root, target);
  await Deno.remove(fresh, { recursive: true });
}
