/** The manifests of examples/, for tests of kinds. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type KubeObject, parseYamlBody } from "@selvedge/apimachinery";

const folder = join(import.meta.dirname, "../../../examples");

export function examples(): { readonly file: string; readonly objects: readonly KubeObject[] }[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return files.map((file) => {
    const documents = readFileSync(join(folder, file), "utf8").split(/^---$/m);
    return { file, objects: documents.map((text) => parseYamlBody(text).value as KubeObject) };
  });
}
