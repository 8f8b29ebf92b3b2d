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

export function parseTarget(kinds: readonly KindDefinition[], path: string): Target {
  const [root, ...steps] = path.slice(1).split("/").map(decode);
  const group = root === "apis" ? steps.shift() : root === "api" ? "" : undefined;
  const version = steps.shift();
  const find = (plural: string | undefined, namespaced: boolean | undefined): KindDefinition | undefined =>
    kinds.find(
      (kind) =>
        kind.group === group &&
        kind.version === version &&
        kind.plural === plural &&
        (namespaced === undefined || kind.namespaced === namespaced),
    );
  if (group === "" && steps[0] === "nodes" && steps[2] === "proxy" && steps.length > 3) {
    const kind = find("nodes", false);
    const rest = steps.splice(3).join("/");
    if (kind !== undefined && steps[1]) {
      return { kind, namespace: undefined, name: steps[1], subresource: "proxy", rest };
    }
  }
  // A slash inside a step would name the key of something else.
  if (steps.some((step) => step === "" || step.includes("/"))) throw unknownResource();
  if (steps[0] === "namespaces" && steps.length >= 3) {
    const kind = find(steps[2], true);
    if (kind !== undefined && steps.length <= 5) {
      return { kind, namespace: steps[1], name: steps[3], subresource: steps[4] };
    }
  }
  const kind = find(steps[0], undefined);
  const whole = kind !== undefined && (!kind.namespaced || steps.length === 1) && steps.length <= 3;
  if (whole) return { kind, namespace: undefined, name: steps[1], subresource: steps[2] };
  throw unknownResource();
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch (error) {
    throw badRequest(`invalid path segment ${step}`, error);
  }
}
