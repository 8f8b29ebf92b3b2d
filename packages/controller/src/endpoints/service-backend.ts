import { type Backend, type ProxiedName, StatusError, type StreamedPod } from "@selvedge/apiserver";
import { below, type Random } from "@selvedge/base";
import type { ObjectView } from "@selvedge/client";
import type { EndpointSlice, Pod, Service } from "@selvedge/kinds";

export interface ServiceBackendParts {
  readonly services: Pick<ObjectView<Service>, "get">;
  readonly pods: Pick<ObjectView<Pod>, "get">;
  readonly endpointSlices: Pick<ObjectView<EndpointSlice>, "by">;
  readonly random: Random;
}

/** One of the Pods that answer a Service now, and its port there; in upstream's words where there is none. */
export function serviceBackend(
  namespace: string,
  { name, port }: ProxiedName,
  { services, pods, endpointSlices, random }: ServiceBackendParts,
): Backend {
  const service = services.get(name, namespace);
  if (service === undefined) throw new StatusError(404, "NotFound", `services "${name}" not found`);
  const { ports = [] } = service.spec;
  const asked =
    port === ""
      ? ports.find((_port, _at, { length }) => length === 1)
      : ports.find((one) => one.name === port || String(one.port) === port);
  if (asked === undefined) throw unavailable(`no service port "${port}" found for service "${name}"`);
  const places = endpointSlices.by("service", `${namespace}/${name}`).flatMap((slice) => {
    const led = (slice.ports ?? []).find((one) => (one.name ?? "") === (asked.name ?? ""))?.port;
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    return ready.flatMap(({ targetRef }): Backend[] => {
      const pod = targetRef?.kind === "Pod" ? pods.get(targetRef.name ?? "", namespace) : undefined;
      return pod === undefined || led === undefined ? [] : [{ pod: pod as StreamedPod, port: led }];
    });
  });
  const found = places[places.length < 2 ? 0 : below(random, places.length)];
  if (found === undefined) throw unavailable(`no endpoints available for service "${name}"`);
  return found;
}

function unavailable(message: string): StatusError {
  return new StatusError(503, "ServiceUnavailable", message);
}
