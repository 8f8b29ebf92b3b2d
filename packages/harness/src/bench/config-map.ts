import type { ConfigMap } from "@selvedge/kinds";

/** An object of a usual size. */
export function configMap(name: string, namespace: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data: { key: "x".repeat(200) },
  };
}
