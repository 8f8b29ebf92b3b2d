/** A Service keeps its address, and gets one that no other has. */
import { createHash } from "node:crypto";
import { type AdmissionMember, StatusError } from "@selvedge/apiserver";
import { isReason, type Objects } from "@selvedge/client";
import { type Service, serviceAddresses, serviceKind } from "@selvedge/kinds";
import type { Policies } from "./policies.ts";

/** As others have it, the lowest are for those that ask for theirs: 1 is `kubernetes`, 10 the resolver. */
const kept = 256;
const count = 2 ** (32 - serviceAddresses.bits) - kept - 1;

export function serviceAdmission(policies: Pick<Policies, "services">, objects: Objects): AdmissionMember {
  return {
    name: "ServiceAddresses",
    handles: ({ kind, operation, subresource }) =>
      kind === serviceKind && operation !== "DELETE" && subresource === undefined,
    mutate({ object, old, name, namespace = "" }) {
      const { spec } = object as Service;
      const before = (old as Service | undefined)?.spec;
      if (spec.type === "ExternalName") {
        // What it had is given back.
        if (before?.clusterIP !== undefined && before.clusterIP === spec.clusterIP) delete spec.clusterIP;
        if (spec.clusterIP === undefined) delete spec.clusterIPs;
        return;
      }
      spec.ipFamilies ??= ["IPv4"];
      spec.ipFamilyPolicy ??= "SingleStack";
      if (spec.clusterIP) return;
      const known = before?.type === "ExternalName" ? undefined : before?.clusterIP;
      spec.clusterIP = known || freeAddress(`${namespace}/${name}`, policies);
      spec.clusterIPs = [spec.clusterIP];
    },
    async validate({ object, name, namespace }) {
      const { clusterIP = "" } = (object as Service).spec;
      if (clusterIP === "" || clusterIP === "None") return;
      const others = policies.services
        .by("address", clusterIP)
        .filter(({ metadata }) => metadata.name !== name || metadata.namespace !== namespace);
      // One that went a moment ago is still among those we know.
      const there = await Promise.all(others.map(({ metadata }) => isThere(objects, metadata, clusterIP)));
      if (!there.includes(true)) return;
      const why =
        `spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: ` +
        "provided IP is already allocated";
      const causes = [
        { reason: "FieldValueInvalid", message: why.replace(/^\S+ /, ""), field: "spec.clusterIPs" },
      ];
      const details = { name, kind: "Service", causes };
      throw new StatusError(422, "Invalid", `Service "${name}" is invalid: ${why}`, details);
    },
  };
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
function freeAddress(key: string, { services }: Pick<Policies, "services">): string {
  const first = createHash("sha256").update(key).digest().readUInt32BE(0) % count;
  for (let step = 0; step < count; step++) {
    const address = nth(kept + ((first + step) % count));
    if (services.by("address", address).length === 0) return address;
  }
  throw new StatusError(500, "InternalError", "failed to allocate a serviceIP: range is full");
}

function nth(at: number): string {
  const [a = 0, b = 0] = serviceAddresses.first.split(".").map(Number);
  return [a, b + Math.floor(at / 65_536), Math.floor(at / 256) % 256, at % 256].join(".");
}
