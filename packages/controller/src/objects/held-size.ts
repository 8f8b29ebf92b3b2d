/** What a Pod's containers hold of a node while another size of it is asked for. */
import { parseQuantity } from "@selvedge/apimachinery";
import type { Container, ContainerStatus, Pod, ResourceRequirements } from "@selvedge/kinds";

type List = NonNullable<ResourceRequirements["limits"]>;

/** Of each amount what is more: what is asked for, or what the node gave; only that, where no more can be had. */
export function asHeld({ spec, status }: Pod): Pod["spec"] {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const pending = status?.conditions?.find(({ type }) => type === "PodResizePending");
  if (pending === undefined && !statuses.some(({ resources }) => resources !== undefined)) return spec;
  const isVain = pending?.reason === "Infeasible";
  const held = (container: Container): Container => {
    const has = statuses.find(({ name }) => name === container.name);
    return has?.resources === undefined
      ? container
      : { ...container, resources: heldOf(container, has, isVain) };
  };
  const { containers, initContainers } = spec;
  return {
    ...spec,
    containers: containers.map(held),
    ...(initContainers && { initContainers: initContainers.map(held) }),
  };
}

function heldOf(
  { resources: asked = {} }: Container,
  { resources: has = {} }: ContainerStatus,
  isVain: boolean,
) {
  if (isVain) return has;
  return { ...asked, limits: more(asked.limits, has.limits), requests: more(asked.requests, has.requests) };
}

function more(asked: List = {}, has: List = {}): List {
  const list = { ...asked };
  for (const [name, amount] of Object.entries(has))
    if ((parseQuantity(amount) ?? 0n) > (parseQuantity(list[name] ?? "0") ?? 0n)) list[name] = amount;
  return list;
}
