/**
 * The steps to the routes into the tunnel. Only routes with our protocol number are looked at, so nobody else's is touched.
 * Additions come before removals, so that traffic always finds a way into the tunnel.
 */
import { canonicalAddress, canonicalPrefix } from "./prefix.ts";
import type { DesiredRoute, IpStep, ObservedRoute } from "./state.ts";

/** Protocol number of our routes (`ip route show proto 207`); free in iproute2's rt_protos. */
export const ROUTE_PROTOCOL = 207;

/** Plans the change of routes through the tunnel interface. */
export function planRoutes(desired: readonly DesiredRoute[], observed: readonly ObservedRoute[]): IpStep[] {
  const want = new Map(
    desired.map((r) =>
      [canonicalPrefix(r.prefix), r.source === undefined ? null : canonicalAddress(r.source)] as const
    ),
  );
  const have = new Map(observed.map((r) => [canonicalPrefix(r.prefix), r.source] as const));
  const steps: IpStep[] = [];
  for (const [prefix, source] of want) {
    const old = have.get(prefix);
    if (old === undefined) steps.push({ type: "route-add", prefix, source });
    // Without a wish the kernel's own choice of source stands.
    else if (source !== null && (old === null || canonicalAddress(old) !== source)) {
      steps.push({ type: "route-replace", prefix, source });
    }
  }
  for (const prefix of have.keys()) if (!want.has(prefix)) steps.push({ type: "route-remove", prefix });
  return steps;
}
