import { create } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { Container, EnvVar, Pod } from "@selvedge/kinds";
import { fieldOf, resourceOf } from "./downward.ts";
import { RenderError, type RenderInputs } from "./inputs.ts";

/** What a variable is: known here and for everybody, known here but secret, or known only on the node. */
export type Value =
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "secret"; readonly text: string }
  | { readonly kind: "onNode"; readonly path: string };

export interface Environment {
  readonly env: ext.EnvVar[];
  /** Plaintext of secret variables, by their key in AppSecrets.values. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Replaces `$(NAME)` in a command or an argument; see expand. */
  expand(text: string): string;
}

type Sources = Pick<RenderInputs, "configMap" | "secret" | "node">;

/** What upstream takes for a variable's name: anything printable but "=". Others are left out, as kubelet does. */
const namePattern = /^[ -<>-~]+$/;

/** A container's variables: envFrom in order, then env, the later winning; Kubernetes' own order of evaluation. */
export function environmentOf(pod: Pod, container: Container, sources: Sources): Environment {
  const values = new Map<string, Value>();
  for (const { name, value } of imported(pod, container, sources)) values.set(name, value);
  for (const variable of container.env ?? []) {
    const value = valueFor(pod, container, variable, values, sources);
    if (value !== undefined) values.set(variable.name, value);
  }
  const secrets = new Map<string, string>();
  const env: ext.EnvVar[] = [];
  for (const [name, value] of values) {
    if (value.kind === "plain") env.push(envVar(name, { case: "value", value: value.text }));
    else if (value.kind === "onNode") env.push(envVar(name, { case: "fieldPath", value: value.path }));
    else {
      const key = `env/${container.name}/${name}`;
      secrets.set(key, value.text);
      env.push(envVar(name, { case: "secretKey", value: key }));
    }
  }
  const expandText = (text: string): string => expand(text, publicOnly(values)).text;
  return { env, secrets, expand: expandText };
}

function envVar(name: string, source: ext.EnvVar["source"]): ext.EnvVar {
  return create(ext.EnvVarSchema, { name, source });
}

function* imported(
  pod: Pod,
  container: Container,
  sources: Sources,
): Generator<{ readonly name: string; readonly value: Value }> {
  const namespace = pod.metadata.namespace ?? "";
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const kind = configMapRef === undefined ? "secret" : "plain";
    const { name = "", optional = false } = configMapRef ?? secretRef ?? {};
    const found =
      kind === "plain" ? sources.configMap(namespace, name)?.data : secretText(sources, namespace, name);
    const exists =
      kind === "plain"
        ? sources.configMap(namespace, name) !== undefined
        : sources.secret(namespace, name) !== undefined;
    if (!exists && !optional) throw missing(kind === "plain" ? "configmap" : "secret", name);
    for (const [key, text] of Object.entries(found ?? {})) {
      const variable = `${prefix}${key}`;
      if (namePattern.test(variable)) yield { name: variable, value: { kind, text } };
    }
  }
}

function valueFor(
  pod: Pod,
  container: Container,
  { value = "", valueFrom }: EnvVar,
  known: ReadonlyMap<string, Value>,
  sources: Sources,
): Value | undefined {
  if (valueFrom === undefined) {
    const { text, secret } = expand(value, known);
    return { kind: secret ? "secret" : "plain", text };
  }
  const namespace = pod.metadata.namespace ?? "";
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) {
    const field = fieldOf(pod, fieldRef.fieldPath);
    return "onNode" in field ? { kind: "onNode", path: field.onNode } : { kind: "plain", text: field.value };
  }
  if (resourceFieldRef !== undefined) {
    return { kind: "plain", text: resourceOf(pod, container, resourceFieldRef, sources.node) };
  }
  if (configMapKeyRef !== undefined) {
    const { name = "", key, optional = false } = configMapKeyRef;
    const map = sources.configMap(namespace, name);
    const text = map?.data?.[key];
    if (text !== undefined) return { kind: "plain", text };
    if (optional) return undefined;
    throw map === undefined ? missing("configmap", name) : missingKey("ConfigMap", namespace, name, key);
  }
  if (secretKeyRef !== undefined) {
    const { name = "", key, optional = false } = secretKeyRef;
    const text = secretText(sources, namespace, name)?.[key];
    if (text !== undefined) return { kind: "secret", text };
    if (optional) return undefined;
    throw sources.secret(namespace, name) === undefined
      ? missing("secret", name)
      : missingKey("Secret", namespace, name, key);
  }
  return { kind: "plain", text: "" };
}

/**
 * Replaces `$(NAME)` by the variable's value; `$$` stands for `$`, and a name that is not defined stays as it is written,
 * as upstream does. A reference that only the node can resolve is left for it, and so is its escaped form, so that the
 * node can tell them apart; see docs/decisions/0040.
 */
export function expand(
  text: string,
  known: ReadonlyMap<string, Value>,
): { readonly text: string; readonly secret: boolean } {
  let secret = false;
  const out = text.replace(
    /\$(\$|\(([^)]*)\))/g,
    (whole, after: string, name: string | undefined, at: number) => {
      if (after === "$") {
        const escaped = /^\$\$\(([^)]*)\)/.exec(text.slice(at))?.[1];
        return escaped !== undefined && known.get(escaped)?.kind === "onNode" ? "$$" : "$";
      }
      const value = known.get(name ?? "");
      if (value === undefined || value.kind === "onNode") return whole;
      secret ||= value.kind === "secret";
      return value.text;
    },
  );
  return { text: out, secret };
}

/** For texts that travel in clear: secret variables are the node's to fill in. */
function publicOnly(values: ReadonlyMap<string, Value>): Map<string, Value> {
  return new Map(
    [...values].map(([name, value]) => [
      name,
      value.kind === "secret" ? { kind: "onNode" as const, path: name } : value,
    ]),
  );
}

function secretText(
  sources: Sources,
  namespace: string,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const data = sources.secret(namespace, name)?.data;
  if (data === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}

export function missing(kind: "configmap" | "secret", name: string): RenderError {
  return new RenderError("CreateContainerConfigError", `${kind} ${JSON.stringify(name)} not found`);
}

function missingKey(kind: "ConfigMap" | "Secret", namespace: string, name: string, key: string): RenderError {
  return new RenderError(
    "CreateContainerConfigError",
    `couldn't find key ${key} in ${kind} ${namespace}/${name}`,
  );
}
