import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { allKinds } from "@selvedge/kinds";
import { parseAllDocuments } from "yaml";
import type { KubeConnection } from "../kube.ts";

/** Server-side apply of every document, as `kubectl apply --server-side` does. */
export async function applyManifest({ objects }: KubeConnection, text: string): Promise<void> {
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0)
      throw new Error(`the manifest is not YAML: ${document.errors[0]?.message}`);
    const manifest = document.toJS() as KubeObject;
    const kind = kindOf(manifest);
    const { name, namespace = "default" } = manifest.metadata;
    const place = kind.namespaced ? namespace : undefined;
    const options = { fieldManager: "selvedge-demo", force: true };
    try {
      await objects.patch(kind, name, place, "apply", manifest, options);
    } catch (error) {
      throw new Error(`cannot apply ${kind.kind} ${name}`, { cause: error });
    }
  }
}

function kindOf({ apiVersion, kind, metadata }: Partial<KubeObject>): KindDefinition {
  const definition = allKinds.find(
    (candidate) =>
      candidate.kind === kind &&
      apiVersion === (candidate.group === "" ? candidate.version : `${candidate.group}/${candidate.version}`),
  );
  if (definition === undefined || metadata?.name === undefined) {
    throw new Error(`the manifest names no kind that is known here: ${apiVersion} ${kind}`);
  }
  return definition;
}
