/** What a Pod's status may say, where it is checked: its addresses, its class, and what it counts. */
import {
  dnsSubdomainFaults,
  type FieldError,
  type KubeObject,
  qualifiedNameFaults,
} from "@selvedge/apimachinery";
import { Faults, immutable } from "../faults.ts";
import { isAddress, notAnAddress } from "../network/cidr.ts";
import type { Pod } from "./pod-types.ts";

export function validatePodStatus(object: KubeObject, old: KubeObject): FieldError[] {
  const faults = new Faults();
  const { status = {} } = object as Pod;
  const { qosClass } = (old as Pod).status ?? {};
  const { podIP, podIPs = podIP ? [{ ip: podIP }] : [], hostIP, hostIPs = [] } = status;
  checkAddresses(faults, "status.podIPs", podIPs);
  const first = hostIPs[0]?.ip;
  if (first !== undefined && first !== hostIP)
    faults.invalid("status.hostIPs[0].ip", first, "must be equal to `hostIP`");
  checkAddresses(faults, "status.hostIPs", hostIPs);
  if (status.nominatedNodeName)
    faults.all(
      "status.nominatedNodeName",
      status.nominatedNodeName,
      dnsSubdomainFaults(status.nominatedNodeName),
    );
  if (qosClass && status.qosClass && status.qosClass !== qosClass)
    faults.invalid("status.qosClass", status.qosClass, immutable);
  checkGeneration(faults, "status", status.observedGeneration);
  for (const [index, { type, observedGeneration }] of (status.conditions ?? []).entries()) {
    faults.all(`status.conditions[${index}].Type`, type, qualifiedNameFaults(type));
    checkGeneration(faults, `status.conditions[${index}]`, observedGeneration);
  }
  return faults.errors;
}

function checkGeneration(faults: Faults, at: string, generation = 0): void {
  if (generation < 0)
    faults.invalid(`${at}.observedGeneration`, generation, "must be a non-negative integer");
}

/** Of each version of IP there is one at most. */
function checkAddresses(faults: Faults, at: string, list: readonly { readonly ip: string }[]): void {
  for (const [index, { ip }] of list.entries())
    if (!isAddress(ip)) faults.invalid(`${at}[${index}]`, ip, notAnAddress);
  const versions = ([4, 6] as const).map((version) => list.filter(({ ip }) => isAddress(ip, version)).length);
  if (versions.every((count) => count <= 1)) return;
  // Upstream shows its own form of them.
  const shown = list.map(({ ip }) => ({ IP: ip }));
  faults.invalid(at, shown, "may specify no more than one IP for each IP family");
}
