import type { KindDefinition } from "@selvedge/apimachinery";
import { apiVersionOf } from "./kind-names.ts";

/** OpenAPI v3 by path: the root and one document per group and version, enough for kubectl to validate, merge and
 * explain. */
export function openapi(kinds: readonly KindDefinition[]): Map<string, unknown> {
  const documents = new Map<string, unknown>();
  const paths: Record<string, unknown> = {};
  for (const version of new Set(kinds.map(apiVersionOf))) {
    const name = `${version.includes("/") ? "apis" : "api"}/${version}`;
    paths[name] = { serverRelativeURL: `/openapi/v3/${name}` };
    documents.set(
      `/openapi/v3/${name}`,
      document(
        name,
        kinds.filter((kind) => apiVersionOf(kind) === version),
      ),
    );
  }
  documents.set("/openapi/v3", { paths });
  return documents;
}

function document(name: string, kinds: readonly KindDefinition[]): unknown {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, unknown> = {};
  for (const kind of kinds) {
    const identity = { group: kind.group, version: kind.version, kind: kind.kind };
    const id = [kind.group, kind.version, kind.kind].filter((part) => part !== "").join(".");
    const properties = {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      ...kind.schema.properties,
    };
    schemas[id] = { ...kind.schema, properties, "x-kubernetes-group-version-kind": [identity] };
    const scope = kind.namespaced ? "namespaces/{namespace}/" : "";
    const types = ["application/json-patch+json", "application/merge-patch+json"];
    if (!kind.custom) types.push("application/strategic-merge-patch+json");
    const parameter = { name: "fieldValidation", in: "query", schema: { type: "string" } };
    const content = Object.fromEntries(types.map((type) => [type, { schema: { type: "object" } }]));
    const operation = (action: string): Record<string, unknown> => ({
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": identity,
      parameters: [parameter],
      responses: { 200: { description: "OK" } },
    });
    paths[`/${name}/${scope}${kind.plural}`] = { get: operation("list"), post: operation("post") };
    paths[`/${name}/${scope}${kind.plural}/{name}`] = {
      get: operation("get"),
      put: operation("put"),
      patch: { ...operation("patch"), requestBody: { content } },
      delete: operation("delete"),
    };
  }
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.34.0" },
    paths,
    components: { schemas },
  };
}
