import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { base64Length, checkUnchanged, dataBytesMax } from "./data-rules.ts";
import { dataKeyFaults, Faults, immutable } from "./faults.ts";
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
  "Secrets for Pods, at most 1 MiB. They travel encrypted to the node and lie in clear on no disk of it.",
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
  applyDefaults: (object) => applyDefaults(object as Secret),
  validate: (object, old) => validate(object as Secret, old as Secret | undefined),
  columns: [
    nameColumn,
    column<Secret>("Type", "What it is for.", ({ type }) => type ?? ""),
    column<Secret>("Data", "How many keys it has.", ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
});

function applyDefaults(secret: Secret): void {
  secret.type ||= "Opaque";
  const { stringData } = secret;
  if (stringData === undefined) return;
  secret.data ??= {};
  for (const [key, value] of Object.entries(stringData)) {
    secret.data[key] = new TextEncoder().encode(value).toBase64();
  }
  delete secret.stringData;
}

/** Keys without which a Secret of a type is none. */
const neededKeys: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};
/** Whose token a Secret is. */
const accountToken = "kubernetes.io/service-account-token";
const accountName = "kubernetes.io/service-account.name";
const jsonKeys = [".dockercfg", ".dockerconfigjson"];
const hidden = "<secret contents redacted>";

function validate(secret: Secret, old: Secret | undefined): FieldError[] {
  const faults = new Faults();
  const { data = {}, type = "" } = secret;
  let total = 0;
  for (const [key, value] of Object.entries(data)) {
    faults.all(`data[${key}]`, key, dataKeyFaults(key));
    const length = base64Length(value);
    if (length === undefined) faults.invalid(`data[${key}]`, hidden, "must be base64");
    total += length ?? 0;
  }
  if (total > dataBytesMax) faults.tooLong("data", dataBytesMax);
  const needed = Object.hasOwn(neededKeys, type) ? (neededKeys[type] ?? []) : [];
  for (const key of needed) {
    if (data[key] === undefined) faults.required(`data[${key}]`);
    else if (jsonKeys.includes(key) && !isJsonObject(data[key])) {
      faults.invalid(`data[${key}]`, hidden, "must be a JSON object");
    }
  }
  if (type === accountToken && !secret.metadata.annotations?.[accountName])
    faults.required(`metadata.annotations[${accountName}]`);
  if (
    type === "kubernetes.io/basic-auth" &&
    data["username"] === undefined &&
    data["password"] === undefined
  ) {
    faults.required("data[username]");
    faults.required("data[password]");
  }
  if (old !== undefined && type !== old.type) faults.invalid("type", type, immutable);
  if (old?.immutable) checkUnchanged(faults, secret, old, ["data"]);
  return faults.errors;
}

function isJsonObject(base64: string): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(base64)));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
