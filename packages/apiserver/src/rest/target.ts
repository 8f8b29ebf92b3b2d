import type { KindDefinition } from "@selvedge/apimachinery";
import { badRequest, unknownResource } from "./refusals.ts";

/** What a path names. */
export interface Target {
  readonly kind: KindDefinition;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows `proxy`, the one subresource with a path of its own: `logs/`. */
  readonly rest?: string;
}

/** Kinds by what paths say of them. */
export class KindPaths {
  readonly #kinds = new Map<string, KindDefinition[]>();

  constructor(kinds: readonly KindDefinition[]) {
    for (const kind of kinds) {
      const path = pathOf(kind.group, kind.version, kind.plural);
      const known = this.#kinds.get(path);
      if (known === undefined) this.#kinds.set(path, [kind]);
      else known.push(kind);
    }
  }

  /** Of two that are called the same, the first. */
  find(
    group: string | undefined,
    version: string | undefined,
    plural: string | undefined,
    namespaced?: boolean,
  ): KindDefinition | undefined {
    const kinds = this.#kinds.get(pathOf(group, version, plural));
    return namespaced === undefined ? kinds?.[0] : kinds?.find((kind) => kind.namespaced === namespaced);
  }
}

function pathOf(group: string | undefined, version: string | undefined, plural: string | undefined): string {
  return `${group}/${version}/${plural}`;
}

export function parseTarget(kinds: KindPaths, path: string): Target {
  const [root, ...steps] = path.slice(1).split("/").map(decodeStep);
  const group = root === "apis" ? steps.shift() : root === "api" ? "" : undefined;
  const version = steps.shift();
  const proxied = group === "" ? proxiedTarget(kinds, version, steps) : undefined;
  if (proxied !== undefined) return proxied;
  // A slash inside a step would name the key of something else.
  if (steps.some((step) => step === "" || step.includes("/"))) throw unknownResource();
  if (steps[0] === "namespaces" && steps.length >= 3) {
    const kind = kinds.find(group, version, steps[2], true);
    if (kind !== undefined && steps.length <= 5) {
      return { kind, namespace: steps[1], name: steps[3], subresource: steps[4] };
    }
  }
  const kind = kinds.find(group, version, steps[0]);
  const whole = kind !== undefined && (!kind.namespaced || steps.length === 1) && steps.length <= 3;
  if (whole) return { kind, namespace: undefined, name: steps[1], subresource: steps[2] };
  throw unknownResource();
}

/** Of a node, a Pod or a Service: what follows is a path of theirs. */
function proxiedTarget(kinds: KindPaths, version: string | undefined, steps: string[]): Target | undefined {
  const namespaced = steps[0] === "namespaces";
  const [namespace, plural = "", name, subresource, ...rest] = namespaced
    ? steps.slice(1)
    : [undefined, ...steps];
  const has = namespaced ? ["pods", "services"] : ["nodes"];
  if (subresource !== "proxy" || rest.length === 0 || !has.includes(plural) || !name || namespace === "")
    return undefined;
  const kind = kinds.find("", version, plural, namespaced);
  return kind && { kind, namespace, name, subresource, rest: rest.join("/") };
}

/** A step of a path as it is meant. */
export function decodeStep(step: string): string {
  if (!step.includes("%")) return step;
  try {
    return decodeURIComponent(step);
  } catch (error) {
    throw badRequest(`invalid path segment ${step}`, error);
  }
}
