import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, counts, nameColumn } from "./columns.ts";
import { bytesMap, flag, kindMessage, type Message, pointer, text, textMap } from "./fields.ts";
import { builtIn } from "./kind.ts";

export interface Secret extends KubeObject {
  apiVersion: "v1";
  kind: "Secret";
  type?: string;
  /** Values in base64. */
  data?: Record<string, string>;
  /** Plain text, for writing: it is moved into `data` and never read back. */
  stringData?: Record<string, string>;
  immutable?: boolean;
}

const secret: Message = kindMessage(
  "Secrets for Pods: as variables or as files. They travel encrypted to the node and lie in clear on no disk of it. At most 1 MiB.",
  {
    immutable: flag(5, "Never to be changed again but by deleting it.", pointer),
    data: bytesMap(2, "Bytes by key, in base64."),
    stringData: textMap(4, "Texts by key, for writing: moved into data, never read back."),
    type: text(3, "What it is for: Opaque, kubernetes.io/dockerconfigjson, kubernetes.io/tls, …"),
  },
);

export const secretKind: KindDefinition = builtIn(secret, {
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  singular: "secret",
  namespaced: true,
  selectableFields: ["type"],
  columns: [
    nameColumn,
    column<Secret>("Type", "What it is for.", ({ type }) => type ?? ""),
    counts<Secret>("Data", "How many keys it has.", ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
});
