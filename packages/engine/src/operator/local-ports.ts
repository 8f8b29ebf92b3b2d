/** What somebody beside the node wants of its ports, laid over what the controller wants. Pure. */
import type { PortSpec } from "../desired.ts";

/** How a port is to speak; who it is, what it costs and what is made for it stays the controller's to say. */
export interface LocalPort extends Pick<PortSpec, "address" | "mtu" | "proxy" | "wifi" | "cellular"> {
  /** As the controller calls its card. */
  readonly label: string;
}

export interface MergedPorts {
  readonly ports: readonly PortSpec[] | undefined;
  /** Why a wish is not followed, by label. */
  readonly faults: ReadonlyMap<string, string>;
}

export function labelOf({ label, name }: Pick<PortSpec, "label" | "name">): string {
  return label ?? name;
}

/** A wish for a port that the controller does not name waits until it does. */
export function mergePorts(
  wanted: readonly PortSpec[] | undefined,
  local: readonly LocalPort[],
  managed: boolean,
): MergedPorts {
  const faults = new Map<string, string>();
  if (wanted === undefined || local.length === 0) return { ports: wanted, faults };
  const ports = wanted.map((port): PortSpec => {
    const wish = local.find(({ label }) => label === labelOf(port));
    if (wish === undefined) return port;
    const fault = faultOf(port, wish, managed);
    if (fault !== undefined) {
      faults.set(wish.label, fault);
      return port;
    }
    const { label: _, ...how } = wish;
    const { address: _a, mtu: _m, proxy: _p, wifi: _w, cellular: _c, ...who } = port;
    return { ...who, ...how, local: true };
  });
  return { ports, faults };
}

function faultOf(port: PortSpec, wish: LocalPort, managed: boolean): string | undefined {
  const { label } = wish;
  if (port.localChanges !== true) return `local modifications not permitted for port "${label}"`;
  const [theirs, ours] = [kindOf(port), kindOf(wish)];
  if (theirs !== ours)
    return `port "${label}" is ${theirs} to the controller, and the local configuration is for ${ours}`;
  if (port.fault !== undefined) return `port "${label}": ${port.fault}`;
  if (managed) return undefined;
  return `port "${label}" is looked after by the box's own system (--ports), which this node does not change`;
}

function kindOf({ wifi, cellular }: Pick<PortSpec, "wifi" | "cellular">): string {
  return wifi !== undefined ? "Wi-Fi" : cellular !== undefined ? "a modem" : "a wire";
}
