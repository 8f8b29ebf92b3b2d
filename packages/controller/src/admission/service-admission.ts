/** A Service keeps its address, and gets one that no other has. */
import { createHash } from "node:crypto";
import { type AdmissionMember, StatusError } from "@selvedge/apiserver";
import { isReason, type Objects } from "@selvedge/client";
import { type Service, serviceKind } from "@selvedge/kinds";
import { addressAt, isWithin, type ServiceRange } from "../endpoints/service-range.ts";
import type { Policies } from "./policies.ts";

export function serviceAdmission(
  policies: Pick<Policies, "services">,
  objects: Objects,
  range: ServiceRange,
): AdmissionMember {
  return {
    name: "ServiceAddresses",
    handles: ({ kind, operation, subresource }) =>
      kind === serviceKind && operation !== "DELETE" && subresource === undefined,
    mutate({ object, name, namespace = "" }) {
      const { spec } = object as Service;
      if (spec.type === "ExternalName") return;
      if (!spec.ipFamilies?.length) spec.ipFamilies = ["IPv4"];
      spec.ipFamilyPolicy ??= "SingleStack";
      if (spec.clusterIP) return;
      spec.clusterIP = freeAddress(`${namespace}/${name}`, policies, range);
      spec.clusterIPs = [spec.clusterIP];
    },
    async validate({ object, old, name, namespace }) {
      const { clusterIP = "" } = (object as Service).spec;
      if (clusterIP === "" || clusterIP === "None") return;
      // What it has it keeps, though the range may be another by now.
      if (!isWithin(range, clusterIP) && (old as Service | undefined)?.spec.clusterIP !== clusterIP) {
        const why = `the provided IP (${clusterIP}) is not in the valid range. The range of valid IPs is ${range.cidr}`;
        throw refused(name, clusterIP, why);
      }
      const others = policies.services
        .by("address", clusterIP)
        .filter(({ metadata }) => metadata.name !== name || metadata.namespace !== namespace);
      // One that went a moment ago is still among those we know.
      const there = await Promise.all(others.map(({ metadata }) => isThere(objects, metadata, clusterIP)));
      if (!there.includes(true)) return;
      throw refused(name, clusterIP, "provided IP is already allocated");
    },
  };
}

function refused(name: string, address: string, why: string): StatusError {
  const said = `Invalid value: ["${address}"]: failed to allocate IP ${address}: ${why}`;
  const causes = [{ reason: "FieldValueInvalid", message: said, field: "spec.clusterIPs" }];
  const message = `Service "${name}" is invalid: spec.clusterIPs: ${said}`;
  return new StatusError(422, "Invalid", message, { name, kind: "Service", causes });
}

async function isThere(
  objects: Objects,
  { name, namespace }: Service["metadata"],
  address: string,
): Promise<boolean> {
  try {
    const { spec } = await objects.get<Service>(serviceKind, name, namespace);
    return spec.clusterIP === address;
  } catch (error) {
    if (isReason(error, "NotFound")) return false;
    throw error;
  }
}

/**
 * It follows from the name, so that a Service made again has the same, and two replicas that give one at a
 * time give different ones; where two names meet, the next that is free.
 */
function freeAddress(key: string, { services }: Pick<Policies, "services">, range: ServiceRange): string {
  const { kept, size } = range;
  const count = size - kept - 1;
  const first = createHash("sha256").update(key).digest().readUInt32BE(0) % count;
  for (let step = 0; step < count; step++) {
    const address = addressAt(range, kept + ((first + step) % count));
    if (services.by("address", address).length === 0) return address;
  }
  throw new StatusError(500, "InternalError", "failed to allocate a serviceIP: range is full");
}
