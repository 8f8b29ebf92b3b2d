/** What a Pod's size may become while it runs, in upstream's words: processors and memory of what is there. */
import { jsonEqual } from "@selvedge/base";
import type { Faults } from "../faults.ts";
import type { Container, ResourceRequirements } from "./container-types.ts";
import { qosClassOf } from "./pod-qos.ts";
import type { Pod, RestartPolicy } from "./pod-types.ts";

const resizable = ["cpu", "memory"] as const;

export function checkResizePolicy(
  faults: Faults,
  path: string,
  { resizePolicy = [] }: Container,
  restarts: RestartPolicy | undefined,
): void {
  const seen = new Set<string>();
  for (const [index, { resourceName, restartPolicy }] of resizePolicy.entries()) {
    if (seen.has(resourceName)) faults.duplicate(`${path}[${index}]`, resourceName);
    seen.add(resourceName);
    if (resourceName) faults.oneOf(path, resourceName, resizable);
    else faults.required(path);
    if (restartPolicy) faults.oneOf(path, restartPolicy, ["NotRequired", "RestartContainer"]);
    else faults.required(path);
    if (restarts === "Never" && restartPolicy !== "NotRequired")
      faults.invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
  }
}

export function checkResize(faults: Faults, pod: Pod, old: Pod): void {
  const never = unresizable(pod, old);
  if (never !== undefined) {
    faults.forbidden("", never);
    return;
  }
  const { spec, status } = pod;
  if ((old.status?.qosClass ?? qosClassOf(old.spec)) !== qosClassOf(spec))
    faults.invalid("spec", status?.qosClass, "Pod QOS Class may not change as a result of resizing");
  const running = old.status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  // An EVE node does not say how large its apps are, so nobody would know what became of it.
  if (running !== undefined && running.resources === undefined)
    faults.forbidden("spec", "Pod running on node without support for resize");
  const lists = ["containers", "initContainers"] as const;
  const before = faults.errors.length;
  for (const list of lists) checkOrder(faults, `spec.${list}`, spec[list] ?? [], old.spec[list] ?? []);
  if (faults.errors.length > before) return;
  for (const list of lists)
    for (const [index, was] of (old.spec[list] ?? []).entries())
      checkChange(faults, { list, index, was, now: spec[list]?.[index] ?? was });
}

function unresizable({ spec }: Pod, old: Pod): string | undefined {
  const whole = [spec.resources, old.spec.resources].some(
    ({ requests = {}, limits = {} } = {}) => Object.keys({ ...requests, ...limits }).length > 0,
  );
  if (whole) return "pods with pod-level resources cannot be resized";
  if (old.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined)
    return "static pods cannot be resized";
  return old.spec.os?.name === "windows" ? "windows pods cannot be resized" : undefined;
}

function checkOrder(
  faults: Faults,
  path: string,
  now: readonly Container[],
  before: readonly Container[],
): void {
  const [, list = ""] = path.split(".");
  if (now.length !== before.length) faults.forbidden(path, `${list} may not be added or removed on resize`);
  else
    for (const [index, { name }] of before.entries())
      if (now[index]?.name !== name)
        faults.forbidden(`${path}[${index}].name`, `${list} may not be renamed or reordered on resize`);
}

interface Change {
  readonly list: "containers" | "initContainers";
  readonly index: number;
  readonly was: Container;
  readonly now: Container;
}

function checkChange(faults: Faults, { list, index, was, now }: Change): void {
  const sidecar = list === "initContainers";
  if (sidecar && was.restartPolicy !== "Always") {
    if (!jsonEqual(now, was))
      faults.forbidden("spec", "resources for non-sidecar init containers are immutable");
    return;
  }
  const at = `spec.${list}[${index}].resources`;
  for (const side of ["requests", "limits"] as const) {
    const kept = Object.keys(was.resources?.[side] ?? {}).every(
      (name) => now.resources?.[side]?.[name] !== undefined,
    );
    if (!kept) faults.forbidden(`${at}.${side}`, `resource ${side} cannot be removed`);
  }
  if (jsonEqual(withoutSize(now), withoutSize(was))) return;
  const which = sidecar ? "resources for sidecar containers" : "resources";
  faults.forbidden("spec", `only cpu and memory ${which} are mutable`);
}

function withoutSize({ resources = {}, ...container }: Container): unknown {
  const { requests, limits, ...others } = resources;
  return { ...container, resources: { ...others, requests: otherThan(requests), limits: otherThan(limits) } };
}

function otherThan(list: ResourceRequirements["limits"] = {}): unknown {
  const { cpu: _cpu, memory: _memory, ...others } = list;
  return others;
}
