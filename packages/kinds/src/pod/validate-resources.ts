/** Amounts of resources: what can be, and what no box can give. */
import { type Nano, parseQuantity, qualifiedNameFaults } from "@selvedge/apimachinery";
import { deviceResource, isExtendedResource } from "../edge-node/devices.ts";
import type { Faults } from "../faults.ts";
import type { ResourceList, ResourceRequirements } from "./container-types.ts";
import type { PodSpec } from "./pod-types.ts";

interface Bounds {
  readonly least?: string;
  readonly most: string;
  readonly why: string;
}

/** What a container may ask for at all. A box beyond these does not exist; a VM below does not start. */
const bounds: Readonly<Record<string, Bounds>> = {
  cpu: { most: "1024", why: "no box has so many processors" },
  memory: { least: "16Mi", most: "64Ti", why: "no box has so much memory" },
  "ephemeral-storage": { most: "1Pi", why: "no box has so large a disk" },
};

const offered = Object.keys(bounds).join(", ");

export function checkResources(faults: Faults, path: string, resources: ResourceRequirements = {}): void {
  const { limits = {}, requests = {}, claims = [] } = resources;
  checkList(faults, `${path}.limits`, limits, true);
  checkList(faults, `${path}.requests`, requests, false);
  for (const [name, text] of Object.entries(requests)) {
    const [request, limit] = [amountOf(text), amountOf(limits[name])];
    if (isExtendedResource(name)) {
      if (request !== (limit ?? 0n)) {
        const detail = limit === undefined ? "" : `must be equal to ${name} limit of ${limits[name]}`;
        if (limit === undefined)
          faults.required(`${path}.limits[${name}]`, "Limit must be set for non overcommitable resources");
        else faults.invalid(`${path}.requests`, text, detail);
      }
      continue;
    }
    if (request !== undefined && limit !== undefined && request > limit) {
      faults.invalid(
        `${path}.requests`,
        text,
        `must be less than or equal to ${name} limit of ${limits[name]}`,
      );
    }
  }
  if (claims.length > 0) faults.gap(`${path}.claims`, "devices cannot be claimed");
}

function checkList(faults: Faults, path: string, list: ResourceList, isLimit: boolean): void {
  for (const [name, text] of Object.entries(list)) {
    const at = `${path}[${name}]`;
    const amount = amountOf(text);
    const bound = Object.hasOwn(bounds, name) ? bounds[name] : undefined;
    if (isExtendedResource(name)) {
      checkNumber(faults, at, text, name.startsWith(deviceResource));
      faults.key(at, name);
      continue;
    }
    if (bound === undefined) checkUnoffered(faults, at, name);
    else if (amount === undefined) continue;
    else if (amount < 0n) faults.invalid(at, text, "must be greater than or equal to 0");
    else if (amount > (amountOf(bound.most) ?? 0n)) {
      faults.invalid(at, text, `must be no more than ${bound.most}: ${bound.why}`);
    } else if (isLimit && bound.least !== undefined && amount < (amountOf(bound.least) ?? 0n)) {
      faults.invalid(at, text, `must be at least ${bound.least}: a virtual machine does not start with less`);
    }
  }
}

/** What is a resource somewhere is written and said; a name of nobody is a slip of the pen, as upstream has it. */
function checkUnoffered(faults: Faults, at: string, name: string): void {
  const wrong = qualifiedNameFaults(name);
  faults.all(at, name, wrong);
  if (wrong.length > 0) return;
  if (isSomebodys(name)) faults.gap(at, `boxes offer ${offered}`);
  else faults.all(at, name, strayDetails);
}

const strayDetails: readonly string[] = [
  "must be a standard resource type or fully qualified",
  "must be a standard resource for containers",
];

function isSomebodys(name: string): boolean {
  return name.includes("/") || name.startsWith("hugepages-");
}

export function checkResourceName(faults: Faults, at: string, name: string): void {
  faults.key(at, name);
  if (!isSomebodys(name) && !Object.hasOwn(bounds, name)) faults.all(at, name, strayDetails);
}

/** Amounts that are kept and not given: whose names are a slip of the pen, and those that cannot be. */
export function checkAmounts(faults: Faults, path: string, list: ResourceList = {}): void {
  for (const [name, text] of Object.entries(list)) {
    const at = `${path}[${name}]`;
    checkResourceName(faults, at, name);
    if ((amountOf(text) ?? 0n) < 0n) faults.invalid(at, text, "must be greater than or equal to 0");
  }
}

function checkNumber(faults: Faults, at: string, text: string, isGroup: boolean): void {
  const amount = amountOf(text);
  const one = amountOf("1") ?? 1n;
  if (amount === undefined || amount === 0n || amount === one) return;
  if (isGroup) faults.invalid(at, text, "must be 1: a group of devices is lent whole, and once");
  else if (amount < 0n) faults.invalid(at, text, "must be greater than or equal to 0");
  else if (amount % one !== 0n) faults.invalid(at, text, "must be an integer");
}

/** What no box says it has: whoever writes `nvidia.com/gpu` hardly knows that it waits until somebody counts it. */
export function resourceDoubts(path: string, spec: PodSpec): string[] {
  return (["initContainers", "containers"] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap(({ resources }, index) =>
      Object.keys(resources?.limits ?? {}).flatMap((name) =>
        isExtendedResource(name) && !name.startsWith(deviceResource)
          ? [`${path}.${list}[${index}].resources.limits[${name}]: ${uncounted}`]
          : [],
      ),
    ),
  );
}

const uncounted =
  "no box has it by itself: the Pod waits for a Node whose status.capacity counts it; " +
  "devices of a box are selvedge.dev/GROUP";

function amountOf(text: string | undefined): Nano | undefined {
  return text === undefined ? undefined : parseQuantity(text);
}
