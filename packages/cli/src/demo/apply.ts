import { allKinds } from "@selvedge/kinds";
import { parseAllDocuments } from "yaml";
import type { KubeConnection } from "../kube.ts";

interface Manifest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

/** Server-side apply of every document, as `kubectl apply --server-side` does. */
export async function applyManifest(connection: KubeConnection, text: string): Promise<void> {
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0)
      throw new Error(`the manifest is not YAML: ${document.errors[0]?.message}`);
    const manifest = document.toJS() as Manifest;
    const path = `${pathOf(manifest)}?fieldManager=selvedge-demo&force=true`;
    const answer = await connection.send(
      "PATCH",
      path,
      JSON.stringify(manifest),
      "application/apply-patch+yaml",
    );
    if (answer.status < 300) continue;
    throw new Error(
      `the controller refused ${manifest.kind} ${manifest.metadata?.name}: ${reasonIn(answer.body)}`,
    );
  }
}

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const definition = allKinds.find(
    (candidate) =>
      candidate.kind === kind &&
      apiVersion === (candidate.group === "" ? candidate.version : `${candidate.group}/${candidate.version}`),
  );
  if (definition === undefined || metadata?.name === undefined) {
    throw new Error(`the manifest names no kind that is known here: ${apiVersion} ${kind}`);
  }
  const root = definition.group === "" ? "/api/v1" : `/apis/${apiVersion}`;
  const space = definition.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
  return `${root}${space}/${definition.plural}/${metadata.name}`;
}

function reasonIn(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body;
  }
}
