import type { KindDefinition } from "@selvedge/apimachinery";
import { apiVersionOf } from "./kind-names.ts";

const verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];

/** The discovery documents by path: what kubectl reads before it does anything. Legacy form; clients that ask for the
 * aggregated one take it as well. */
export function discovery(kinds: readonly KindDefinition[]): Map<string, unknown> {
  const documents = new Map<string, unknown>();
  const groups = [...new Set(kinds.map((kind) => kind.group))];
  documents.set("/api", { kind: "APIVersions", versions: ["v1"] });
  documents.set("/api/v1", resourceList("v1", []));
  const named = groups.filter((group) => group !== "").map((group) => apiGroup(group, kinds));
  documents.set("/apis", { kind: "APIGroupList", apiVersion: "v1", groups: named });
  for (const group of named) {
    documents.set(`/apis/${group.name}`, { kind: "APIGroup", apiVersion: "v1", ...group });
  }
  for (const version of new Set(kinds.map(apiVersionOf))) {
    const served = kinds.filter((kind) => apiVersionOf(kind) === version);
    const root = version.includes("/") ? "/apis" : "/api";
    documents.set(`${root}/${version}`, resourceList(version, served));
  }
  return documents;
}

interface ApiGroup {
  readonly name: string;
  readonly versions: readonly { readonly groupVersion: string; readonly version: string }[];
  readonly preferredVersion: unknown;
}

function apiGroup(name: string, kinds: readonly KindDefinition[]): ApiGroup {
  const versions = [...new Set(kinds.filter((kind) => kind.group === name).map((kind) => kind.version))].map(
    (version) => ({ groupVersion: `${name}/${version}`, version }),
  );
  return { name, versions, preferredVersion: versions[0] };
}

function resourceList(groupVersion: string, kinds: readonly KindDefinition[]): unknown {
  const resources = kinds.flatMap((kind) => {
    const main = {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs,
      shortNames: kind.shortNames,
      categories: kind.categories,
    };
    if (!kind.subresources?.status) return [main];
    const status = { name: `${kind.plural}/status`, singularName: "", verbs: ["get", "patch", "update"] };
    return [main, { ...status, namespaced: kind.namespaced, kind: kind.kind }];
  });
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}
