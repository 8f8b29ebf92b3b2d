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

/** An address that somebody has written down: no Pod of ours, so nobody's link leads there. */
export interface OutsidePlace {
  readonly host: string;
  readonly port: number;
}

type Place = Backend | OutsidePlace;

/** One of the Pods that answer a Service now, and its port there; in upstream's words where there is none. */
export function serviceBackend(namespace: string, asked: ProxiedName, parts: ServiceBackendParts): Backend {
  return oneOf(placesOf(namespace, asked, parts).filter(isPod), asked.name, parts.random);
}

/** The same for what this program asks of its own accord: addresses that are no Pods, and another name, too. */
export function servicePlace(namespace: string, asked: ProxiedName, parts: ServiceBackendParts): Place {
  const { externalName, type } = parts.services.get(asked.name, namespace)?.spec ?? {};
  if (type === "ExternalName" && externalName) return { host: externalName, port: Number(asked.port) };
  return oneOf(placesOf(namespace, asked, parts), asked.name, parts.random);
}

export function isPod(place: Place): place is Backend {
  return "pod" in place;
}

function placesOf(
  namespace: string,
  { name, port }: ProxiedName,
  { services, pods, endpointSlices }: ServiceBackendParts,
): readonly Place[] {
  const service = services.get(name, namespace);
  if (service === undefined) throw new StatusError(404, "NotFound", `services "${name}" not found`);
  const { ports = [] } = service.spec;
  const asked =
    port === ""
      ? ports.find((_port, _at, { length }) => length === 1)
      : ports.find((one) => one.name === port || String(one.port) === port);
  if (asked === undefined) throw unavailable(`no service port "${port}" found for service "${name}"`);
  return endpointSlices.by("service", `${namespace}/${name}`).flatMap((slice) => {
    const led = (slice.ports ?? []).find((one) => (one.name ?? "") === (asked.name ?? ""))?.port;
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    if (led === undefined) return [];
    return ready.flatMap(({ targetRef, addresses: [host] }): Place[] => {
      if (targetRef?.kind === "Pod") {
        const pod = pods.get(targetRef.name ?? "", namespace);
        return pod === undefined ? [] : [{ pod: pod as StreamedPod, port: led }];
      }
      // Names in slices are followed by nobody, as upstream's proxies have it.
      return host === undefined || slice.addressType === "FQDN" ? [] : [{ host, port: led }];
    });
  });
}

function oneOf<T>(places: readonly T[], name: string, random: Random): T {
  const found = places[places.length < 2 ? 0 : below(random, places.length)];
  if (found === undefined) throw unavailable(`no endpoints available for service "${name}"`);
  return found;
}

function unavailable(message: string): StatusError {
  return new StatusError(503, "ServiceUnavailable", message);
}
