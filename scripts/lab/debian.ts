/** Programs of Debian packages that are not on this machine, on one host of a lab. */
import { exists, Failure } from "../lib/run.ts";
import { cachedResolver, type Resolver } from "../setup.ts";
import type { Host } from "./lab.ts";

/**
 * Lays a package's files over those of the machine, in this host's mounts alone. What the host changes below /etc stays there,
 * /etc/resolv.conf included; `resolvConf` is where the package has it lead.
 * @throws Failure when it could not be fetched
 */
export async function withPackage(host: Host, name: Resolver, o: { resolvConf?: string } = {}): Promise<void> {
  const lay = `
    for dir in bin sbin lib; do
      if [ -d "$1/usr/$dir" ]; then mount -t overlay -o "userxattr,lowerdir=$1/usr/$dir:/usr/$dir" none "/usr/$dir"; fi
    done
    mkdir /run/etc /run/etc.work
    mount -t overlay -o "userxattr,lowerdir=$1/etc:/etc,upperdir=/run/etc,workdir=/run/etc.work" none /etc
    rm -f /etc/resolv.conf
    if [ -n "$2" ]; then ln -s "$2" /etc/resolv.conf; else : >/etc/resolv.conf; fi`;
  if (!(await exists(cachedResolver(name)))) {
    throw new Failure(`${name} is not unpacked; see what "deno task setup" says`);
  }
  await host.sh(lay, cachedResolver(name), o.resolvConf ?? "");
}
