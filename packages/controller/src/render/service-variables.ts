/** Variables that lead to the Services of a Pod's namespace, in the words of upstream and of old Docker links. Pure. */
import type { Pod, Service } from "@selvedge/kinds";
import { ageOf } from "../objects/age.ts";
import { hasToken } from "./api-access.ts";
import type { RenderInputs } from "./inputs.ts";
import { apiService } from "./services.ts";

/** A guest takes 512 variables a container; what a user says must have its place among them. */
const variablesMax = 256;

/**
 * Those of the oldest Services with an address, as long as there is room. They are as they were when the
 * container started, as upstream has it. `kubernetes` leads to the API, for Pods that have a token for it.
 */
export function serviceVariables(
  pod: Pod,
  { services, node }: Pick<RenderInputs, "services" | "node">,
): ReadonlyMap<string, string> {
  const { metadata, spec } = pod;
  const found = new Map<string, string>();
  const api = hasToken(pod, node) ? services.find(isApi) : undefined;
  for (const [name, value] of api === undefined ? [] : variablesOf(api)) found.set(name, value);
  if (spec.enableServiceLinks === false) return found;
  const own = services
    .filter((service) => service.metadata.namespace === metadata.namespace && isLinked(service))
    .sort((left, right) => (ageOf(left) < ageOf(right) ? -1 : 1));
  for (const service of own) {
    const more = variablesOf(service);
    if (found.size + more.length > variablesMax) break;
    for (const [name, value] of more) found.set(name, value);
  }
  return found;
}

function isLinked({ metadata, spec }: Service): boolean {
  const { clusterIP = "", ports = [] } = spec;
  return clusterIP !== "" && clusterIP !== "None" && ports.length > 0 && !isApi({ metadata });
}

function isApi({ metadata }: Pick<Service, "metadata">): boolean {
  return metadata.namespace === apiService.namespace && metadata.name === apiService.name;
}

function variablesOf({ metadata, spec }: Service): (readonly [string, string])[] {
  const prefix = upper(metadata.name);
  const { clusterIP: host = "", ports = [] } = spec;
  const [first] = ports;
  const url = (protocol: string, port: number): string => `${protocol.toLowerCase()}://${host}:${port}`;
  return [
    [`${prefix}_SERVICE_HOST`, host],
    [`${prefix}_SERVICE_PORT`, `${first?.port}`],
    ...ports.flatMap(({ name = "", port }): (readonly [string, string])[] =>
      name === "" ? [] : [[`${prefix}_SERVICE_PORT_${upper(name)}`, `${port}`]],
    ),
    [`${prefix}_PORT`, url(first?.protocol ?? "TCP", first?.port ?? 0)],
    ...ports.flatMap(({ protocol = "TCP", port }): (readonly [string, string])[] => {
      const one = `${prefix}_PORT_${port}_${protocol}`;
      return [
        [one, url(protocol, port)],
        [`${one}_PROTO`, protocol.toLowerCase()],
        [`${one}_PORT`, `${port}`],
        [`${one}_ADDR`, host],
      ];
    }),
  ];
}

function upper(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
