/**
 * Which writes a policy, a binding or a webhook is asked about, by upstream's rules: one of its resource rules
 * fits and none of those that exclude, and the labels of the object and of its namespace are those it selects.
 */
import {
  type KindDefinition,
  type KubeObject,
  type LabelSelector,
  type Labels,
  matchesLabels,
  type Requirement,
  requirementsOf,
} from "@selvedge/apimachinery";
import type { AdmissionRequest, Subject } from "../admission.ts";
import { isNamespaceKind, type KindName } from "../rest/kind-names.ts";

/** Rules of webhooks are such too; they have no `resourceNames`. */
export interface ResourceRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly scope?: string;
  readonly resourceNames?: readonly string[];
}

export interface MatchCriteria {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  /** None is all: a webhook without rules has to be left out before. */
  readonly resourceRules?: readonly ResourceRule[];
  readonly excludeResourceRules?: readonly ResourceRule[];
  readonly matchPolicy?: string;
}

/** What is written, as far as rules look at it. CONNECT is asked of streams. */
export type Matched = Pick<
  AdmissionRequest,
  "kind" | "subresource" | "namespace" | "name" | "object" | "old"
> & { readonly operation: string };

/** Throws NotFound of a namespace that is not there. */
export type NamespaceLabels = (name: string) => Promise<Labels>;

export class Matcher {
  readonly #criteria: MatchCriteria;
  readonly #namespaces: readonly Requirement[];
  readonly #objects: readonly Requirement[];

  constructor(criteria: MatchCriteria) {
    this.#criteria = criteria;
    this.#namespaces = requirementsOf(criteria.namespaceSelector) ?? [];
    this.#objects = requirementsOf(criteria.objectSelector) ?? [];
  }

  /**
   * The kind as which the write is to be looked at, when it is to be looked at: the written one, or another
   * that shows the same objects, by which a rule of `matchPolicy: Equivalent` found it.
   */
  async match(request: Matched, labelsOf: NamespaceLabels): Promise<KindDefinition | undefined> {
    const kind = this.kindOf(request);
    if (kind === undefined || !this.#selectsObject(request)) return undefined;
    return (await this.#selectsNamespace(request, labelsOf)) ? kind : undefined;
  }

  /** Whether there can be a write to the subject that is to be looked at. */
  concerns(subject: Subject): boolean {
    if (isExempt(subject.kind) || isPosted(subject)) return false;
    const { resourceRules = [], matchPolicy } = this.#criteria;
    const nameless = resourceRules.map(({ resourceNames: _names, ...rule }) => rule);
    const of = { ...subject, namespace: undefined, name: "", object: undefined, old: undefined };
    return resourceRules.length === 0 || kindByRules(nameless, of, matchPolicy) !== undefined;
  }

  /** By the resource rules alone. */
  kindOf(request: Matched): KindDefinition | undefined {
    const { resourceRules = [], excludeResourceRules = [], matchPolicy } = this.#criteria;
    if (kindByRules(excludeResourceRules, request, matchPolicy) !== undefined) return undefined;
    return resourceRules.length === 0 ? request.kind : kindByRules(resourceRules, request, matchPolicy);
  }

  #selectsObject({ object, old }: Matched): boolean {
    const selects = (one: KubeObject | undefined): boolean =>
      // What a stream is opened with has none.
      one?.metadata !== undefined && matchesLabels(this.#objects, one.metadata.labels);
    return this.#objects.length === 0 || selects(object) || selects(old);
  }

  async #selectsNamespace(request: Matched, labelsOf: NamespaceLabels): Promise<boolean> {
    const name = namespaceOf(request);
    if (this.#namespaces.length === 0 || name === undefined) return true;
    const { kind, operation, subresource, object } = request;
    const own = isNamespaceKind(kind) && subresource === undefined && operation !== "DELETE";
    const labels = own && object !== undefined ? object.metadata.labels : await labelsOf(name);
    return matchesLabels(this.#namespaces, labels);
  }
}

/** A namespace counts as being in itself, as upstream has it. */
export function namespaceOf({
  kind,
  namespace,
  name,
}: Pick<Matched, "kind" | "namespace" | "name">): string | undefined {
  return isNamespaceKind(kind) ? name : namespace || undefined;
}

/** What says who has a say in writes is itself asked of nobody: a mistake in it could not be mended. */
const exempt = new Set([
  ...["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
  ...["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
  ...["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"],
]);

export function isExempt({ group, plural }: Pick<KindName, "group" | "plural">): boolean {
  return group === "admissionregistration.k8s.io" && exempt.has(plural);
}

/** What is posted to a Pod is looked at as it is posted, not as what is made of it. */
function isPosted({ operation, subresource }: Subject): boolean {
  return (subresource === "eviction" || subresource === "binding") && operation !== "CREATE";
}

/**
 * The program's own objects, without which it could not go on, and nobody could mend what keeps it from it: all that
 * has no namespace, who leads, and where the API is.
 */
export function isOwnBusiness({
  user,
  kind,
  namespace,
  name,
}: Pick<AdmissionRequest, "user" | "kind" | "namespace" | "name">): boolean {
  if (user !== undefined) return false;
  const isApi = namespace === "default" && name === "kubernetes";
  return isApi || !kind.namespaced || kind.group === "coordination.k8s.io";
}

function kindByRules(
  rules: readonly ResourceRule[],
  request: Matched,
  policy: string | undefined,
): KindDefinition | undefined {
  const fits = (kind: KindDefinition): boolean => rules.some((rule) => fitsRule(rule, request, kind));
  if (rules.length === 0) return undefined;
  if (fits(request.kind)) return request.kind;
  if (policy !== "Equivalent") return undefined;
  return request.kind.view?.siblings().find((other) => other !== request.kind && fits(other));
}

function fitsRule(rule: ResourceRule, request: Matched, kind: KindDefinition): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resourceNames = [] } = rule;
  return (
    has(operations, request.operation) &&
    has(apiGroups, kind.group) &&
    has(apiVersions, kind.version) &&
    fitsResource(rule, kind.plural, request.subresource ?? "") &&
    fitsScope(rule, kind) &&
    (resourceNames.length === 0 || resourceNames.includes(request.name))
  );
}

function has(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

/** `pods`, `pods/status`, `pods/*`, `*`, which has no parts of objects, and the wildcard for all of both. */
function fitsResource({ resources = [] }: ResourceRule, plural: string, part: string): boolean {
  return resources.some((one) => {
    const [resource, subresource = ""] = one.split("/");
    return (resource === "*" || resource === plural) && (subresource === "*" || subresource === part);
  });
}

function fitsScope({ scope = "*" }: ResourceRule, { namespaced }: KindDefinition): boolean {
  return scope === "*" || scope === (namespaced ? "Namespaced" : "Cluster");
}
