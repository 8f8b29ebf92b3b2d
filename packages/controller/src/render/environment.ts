import { create } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { Container, EnvVar, Pod } from "@selvedge/kinds";
import { fieldOf, resourceOf } from "./downward.ts";
import { RenderError, type RenderInputs } from "./inputs.ts";
import { serviceVariables } from "./service-variables.ts";

/** What a variable is. Only the node knows secrets, its addresses, and texts that contain them. */
export type Value =
  | { readonly kind: "known"; readonly text: string }
  | { readonly kind: "secret"; readonly text: string }
  | { readonly kind: "field"; readonly path: string }
  /** As the node gets it; see encode. */
  | { readonly kind: "mixed"; readonly encoded: string };

export interface Environment {
  readonly env: ext.EnvVar[];
  /** Plaintext of secret variables, by their key in AppSecrets.values. */
  readonly secrets: ReadonlyMap<string, string>;
  /** A command or an argument as the node gets it. */
  encode(text: string): string;
  /** A path below a volume; throws when it leads out of it, or to where nobody says. */
  resolvePath(text: string): string;
}

type Sources = Pick<RenderInputs, "configMap" | "secret" | "node" | "services">;

/**
 * What upstream takes for a variable's name: anything printable but "=". Others are left out, as kubelet
 * does.
 */
const namePattern = /^[ -<>-~]+$/;

/**
 * A container's variables: those of Services, envFrom in order, then env, the later winning; Kubernetes' own
 * order of evaluation.
 */
export function environmentOf(pod: Pod, container: Container, sources: Sources): Environment {
  const values = new Map<string, Value>();
  for (const [name, text] of serviceVariables(pod, sources)) values.set(name, { kind: "known", text });
  for (const { name, value } of imported(pod, container, sources)) values.set(name, value);
  for (const variable of container.env ?? []) {
    const value = valueFor(pod, container, variable, values, sources);
    if (value === undefined) continue;
    // The node evaluates in this order: one that is defined again counts from here.
    values.delete(variable.name);
    values.set(variable.name, value);
  }
  const secrets = new Map<string, string>();
  const env: ext.EnvVar[] = [];
  for (const [name, value] of values) {
    if (value.kind === "known") env.push(envVar(name, { case: "value", value: doubled(value.text) }));
    else if (value.kind === "mixed") env.push(envVar(name, { case: "value", value: value.encoded }));
    else if (value.kind === "field") env.push(envVar(name, { case: "fieldPath", value: value.path }));
    else {
      const key = `env/${container.name}/${name}`;
      secrets.set(key, value.text);
      env.push(envVar(name, { case: "secretKey", value: key }));
    }
  }
  return {
    env,
    secrets,
    encode: (text) => encode(text, values).encoded,
    resolvePath: (text) => resolvePath(text, values),
  };
}

/** In kubelet's words. A name without a value would otherwise be the whole volume's. */
function resolvePath(text: string, known: ReadonlyMap<string, Value>): string {
  const fail = (message: string): RenderError => new RenderError("CreateContainerConfigError", message);
  for (const [, name] of text.matchAll(reference)) {
    const value = name === undefined ? undefined : known.get(name);
    const empty = value === undefined || (value.kind === "known" && value.text === "");
    if (name !== undefined && empty) throw fail(`missing value for ${JSON.stringify(name)}`);
  }
  const { final } = encode(text, known);
  if (final === undefined)
    throw fail(`${JSON.stringify(text)} refers to a variable that only the node knows`);
  if (final.startsWith("/")) throw fail(`error SubPath \`${final}\` must not be an absolute path`);
  if (final.split("/").includes(".."))
    throw fail(`unable to provision SubPath \`${final}\`: it contains '..'`);
  return final;
}

const reference = /\$(?:\$|\(([^)]*)\))/g;

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
    const kind = configMapRef === undefined ? "secret" : "known";
    const { name = "", optional = false } = configMapRef ?? secretRef ?? {};
    const found =
      kind === "known" ? sources.configMap(namespace, name)?.data : secretText(sources, namespace, name);
    const exists =
      kind === "known"
        ? sources.configMap(namespace, name) !== undefined
        : sources.secret(namespace, name) !== undefined;
    if (!exists && !optional) throw missing(kind === "known" ? "configmap" : "secret", name);
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
    const { final, encoded } = encode(value, known);
    return final === undefined ? { kind: "mixed", encoded } : { kind: "known", text: final };
  }
  const namespace = pod.metadata.namespace ?? "";
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) {
    const field = fieldOf(pod, fieldRef.fieldPath);
    return "onNode" in field ? { kind: "field", path: field.onNode } : { kind: "known", text: field.value };
  }
  if (resourceFieldRef !== undefined) {
    return { kind: "known", text: resourceOf(pod, container, resourceFieldRef, sources.node) };
  }
  if (configMapKeyRef !== undefined) {
    const { name = "", key, optional = false } = configMapKeyRef;
    const map = sources.configMap(namespace, name);
    const text = map?.data?.[key];
    if (text !== undefined) return { kind: "known", text };
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
  return { kind: "known", text: "" };
}

/**
 * Replaces `$(NAME)` by the variable's value; `$$` stands for `$`, and a name that is not defined stays as
 * it is written, as upstream does. The node does the same to what it gets, so what is final here has its
 * dollars doubled, and the only references left are those that the node must resolve; see
 * docs/decisions/0040.
 */
function encode(
  text: string,
  known: ReadonlyMap<string, Value>,
): { readonly encoded: string; readonly final: string | undefined } {
  let encoded = "";
  let final = "";
  let complete = true;
  const add = (part: string): void => {
    encoded += doubled(part);
    final += part;
  };
  let at = 0;
  for (const match of text.matchAll(reference)) {
    add(text.slice(at, match.index));
    at = match.index + match[0].length;
    const value = match[1] === undefined ? undefined : known.get(match[1]);
    if (match[0] === "$$") add("$");
    else if (value === undefined) add(match[0]);
    else if (value.kind === "known") add(value.text);
    else {
      encoded += match[0];
      complete = false;
    }
  }
  add(text.slice(at));
  return { encoded, final: complete ? final : undefined };
}

function doubled(text: string): string {
  return text.replaceAll("$", "$$$$");
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

function missing(kind: "configmap" | "secret", name: string): RenderError {
  return new RenderError("CreateContainerConfigError", `${kind} ${JSON.stringify(name)} not found`);
}

function missingKey(kind: "ConfigMap" | "Secret", namespace: string, name: string, key: string): RenderError {
  return new RenderError(
    "CreateContainerConfigError",
    `couldn't find key ${key} in ${kind} ${namespace}/${name}`,
  );
}
