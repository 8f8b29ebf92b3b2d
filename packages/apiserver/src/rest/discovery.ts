import { createHash } from "node:crypto";
import type { KindDefinition, SubresourceDefinition } from "@selvedge/apimachinery";
import { type ApiGroup, groupsOf, type Resource } from "./resources.ts";

/** The legacy discovery documents by path: one for each group and version. */
export function discovery(resources: readonly Resource[]): Map<string, unknown> {
  const documents = new Map<string, unknown>();
  const groups = groupsOf(resources);
  documents.set("/api", { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
  documents.set("/api/v1", { kind: "APIResourceList", groupVersion: "v1", resources: [] });
  const named = groups.filter(({ name }) => name !== "");
  documents.set("/apis", { kind: "APIGroupList", apiVersion: "v1", groups: named.map(apiGroup) });
  for (const group of named) {
    documents.set(`/apis/${group.name}`, { kind: "APIGroup", apiVersion: "v1", ...apiGroup(group) });
  }
  for (const { name, versions } of groups) {
    for (const { version, resources: own } of versions) {
      const groupVersion = name === "" ? version : `${name}/${version}`;
      documents.set(`${name === "" ? "/api" : "/apis"}/${groupVersion}`, {
        kind: "APIResourceList",
        ...(name === "" ? {} : { apiVersion: "v1" }),
        groupVersion,
        resources: own.flatMap(legacyResources),
      });
    }
  }
  return documents;
}

function apiGroup({ name, versions }: ApiGroup): {
  readonly name: string;
  readonly [field: string]: unknown;
} {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

function legacyResources({ kind, verbs, subresources }: Resource): unknown[] {
  const main = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs,
    ...(kind.shortNames && { shortNames: kind.shortNames }),
    ...(kind.categories && { categories: kind.categories }),
    ...(verbs.includes("watch") && { storageVersionHash: storageHash(kind) }),
  };
  const parts = subresources.map((part) => ({
    name: `${kind.plural}/${part.name}`,
    singularName: "",
    namespaced: kind.namespaced,
    ...(part.version && { group: part.group ?? "", version: part.version }),
    kind: part.kind,
    verbs: part.verbs,
  }));
  return [main, ...parts];
}

/** Tells clients whether what they know of the stored version still holds. */
function storageHash({ view, ...shown }: KindDefinition): string {
  const { group, version } = view?.siblings().find((one) => one.view === undefined) ?? shown;
  const kept = view?.keptAs ?? `${group}/${version}`;
  const hash = createHash("sha256").update(`${kept}/${shown.kind}`).digest();
  return hash.subarray(0, 8).toString("base64");
}

export type AggregatedVersion = "v2" | "v2beta1";

/** Everything in one document, for `/api` or for `/apis`. */
export function aggregatedDiscovery(
  resources: readonly Resource[],
  root: "/api" | "/apis",
  version: AggregatedVersion,
): unknown {
  const groups = groupsOf(resources).filter(({ name }) => (name === "") === (root === "/api"));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: name === "" ? { creationTimestamp: null } : { name, creationTimestamp: null },
      versions: versions.map((one) => ({
        version: one.version,
        resources: one.resources.map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
}

function aggregatedResource({ kind, verbs, subresources }: Resource): unknown {
  return {
    resource: kind.plural,
    responseKind: responseKind(kind),
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs,
    ...(kind.shortNames && { shortNames: kind.shortNames }),
    ...(kind.categories && { categories: kind.categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map((part) => ({
        subresource: part.name,
        responseKind: responseKind(kind, part),
        verbs: part.verbs,
      })),
    }),
  };
}

/** Of the program's own kinds upstream leaves the group and version out that they are listed under. */
function responseKind(
  { group, version, kind, custom }: KindDefinition,
  part?: SubresourceDefinition,
): unknown {
  const own = custom ? { group, version } : { group: "", version: "" };
  const place = part?.version === undefined ? own : { group: part.group ?? "", version: part.version };
  return { ...place, kind: part?.kind ?? kind };
}
