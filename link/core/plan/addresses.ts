/** The steps to the tunnel interface's addresses: new ones come before old ones go, so that it is never without. */
import { canonicalInterface } from "./prefix.ts";
import type { DesiredAddresses, IpStep, ObservedAddresses } from "./state.ts";

/** Plans the change of addresses, MTU and state of the tunnel interface. */
export function planAddresses(desired: DesiredAddresses, observed: ObservedAddresses): IpStep[] {
  const want = new Set(desired.addresses.map(canonicalInterface));
  const have = new Set(observed.addresses.map(canonicalInterface));
  const steps: IpStep[] = [];
  // The MTU first: below 1280 the interface would not take an IPv6 address.
  if (desired.mtu !== observed.mtu) steps.push({ type: "mtu", mtu: desired.mtu });
  for (const address of want) if (!have.has(address)) steps.push({ type: "address-add", address });
  if (!observed.up) steps.push({ type: "up" });
  for (const address of have) if (!want.has(address)) steps.push({ type: "address-remove", address });
  return steps;
}
