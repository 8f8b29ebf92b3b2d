/** What a node says that its containers have, in the words of whoever asked for it. */
import { formatBinary, formatDecimal } from "@selvedge/apimachinery";
import type { ext } from "@selvedge/eve-api";
import type { Container, ContainerStatus, ResourceRequirements } from "@selvedge/kinds";
import { resourceNumbers } from "../render/downward.ts";

type List = NonNullable<ResourceRequirements["limits"]>;

/** Nothing of a node that does not say. What cannot change while a Pod is there is as it was asked for. */
export function sizeStatus(
  container: Pick<Container, "name" | "resources">,
  has: ext.Resources | undefined,
): Pick<ContainerStatus, "resources" | "allocatedResources"> {
  if (has === undefined) return {};
  const asked = resourceNumbers(container);
  const { limits, requests } = container.resources ?? {};
  const cpu = (amount: bigint): string => formatDecimal(amount * 1_000_000n);
  const memory = (amount: bigint): string => formatBinary(amount * 1_000_000_000n);
  const resources: ResourceRequirements = {
    ...listPart("limits", limits, {
      cpu: textOf(has.cpuLimitMillis, asked.cpuLimit, limits?.["cpu"], cpu),
      memory: textOf(has.memoryLimitBytes, asked.memoryLimit, limits?.["memory"], memory),
    }),
    ...listPart("requests", requests, {
      cpu: textOf(has.cpuRequestMillis, asked.cpuRequest, requests?.["cpu"], cpu),
      memory: textOf(has.memoryRequestBytes, asked.memoryRequest, requests?.["memory"], memory),
    }),
  };
  return { resources, ...(resources.requests && { allocatedResources: resources.requests }) };
}

function textOf(
  has: bigint,
  asked: number,
  said: string | undefined,
  write: (amount: bigint) => string,
): string | undefined {
  if (has === BigInt(asked)) return said;
  return has === 0n ? undefined : write(has);
}

function listPart(
  side: "limits" | "requests",
  said: List | undefined,
  sizes: Readonly<Record<"cpu" | "memory", string | undefined>>,
): Pick<ResourceRequirements, typeof side> {
  const list: List = { ...said };
  for (const name of ["cpu", "memory"] as const) {
    const text = sizes[name];
    if (text === undefined) delete list[name];
    else list[name] = text;
  }
  return Object.keys(list).length === 0 ? {} : { [side]: list };
}
