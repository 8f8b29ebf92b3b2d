/** Questions that are posted and answered, and never stored. */
import {
  type FieldError,
  type KindDefinition,
  type KubeObject,
  labelValueFaults,
  qualifiedNameFaults,
} from "@selvedge/apimachinery";
import { type Instant, toRfc3339 } from "@selvedge/base";
import { badRequest, invalid } from "../rest/refusals.ts";
import type { WriteQuery } from "../rest/write-query.ts";
import { type Authenticator, authenticate } from "./authentication.ts";
import type { Attributes, Authorizer } from "./authorization.ts";
import {
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  tokenRequestKind,
  tokenReview,
} from "./review-schemas.ts";
import type { ServiceAccountTokens, TokenRequestSpec } from "./service-account-tokens.ts";
import type { User } from "./user.ts";

/** How it is posted. */
export type Asked = WriteQuery & { readonly now: Instant };

/** A kind without objects: posting one answers it. */
export interface VirtualKind {
  readonly kind: KindDefinition;
  /** The status of the object that was posted. */
  readonly answer: (object: KubeObject, asker: User, asked: Asked) => Promise<Record<string, unknown>>;
  /** It asks for something to be done: that it was is the whole answer. */
  readonly isDone?: true;
}

/** A question that is posted to a part of an object. */
export interface PostedPart {
  readonly group: string;
  readonly plural: string;
  readonly subresource: string;
  /** Of what is posted and answered. */
  readonly kind: KindDefinition;
  readonly answer: (
    posted: KubeObject,
    about: { readonly name: string; readonly namespace: string },
  ) => Promise<Record<string, unknown>>;
}

/** `serviceaccounts/token`: what `kubectl create token` asks for. */
export function tokenPart(tokens: ServiceAccountTokens): PostedPart {
  return {
    ...{ group: "", plural: "serviceaccounts", subresource: "token", kind: tokenRequestKind },
    answer: async (posted, account) => {
      const spec = tokens.whole((posted["spec"] ?? {}) as TokenRequestSpec);
      const { token, expires } = await tokens.issue(account, spec);
      // Whoever renews it goes by what it was given, which they need not have asked for.
      posted["spec"] = spec;
      return { token, expirationTimestamp: toRfc3339(expires) };
    },
  };
}

export function reviewKinds(authorizer: Authorizer, authenticators: readonly Authenticator[]): VirtualKind[] {
  const access = async (object: KubeObject, user: User): Promise<Record<string, unknown>> => {
    const { allowed, reason } = await authorizer.authorize(asked(specOf(object), user));
    return { allowed, ...(reason && { reason }) };
  };
  return [
    {
      kind: selfSubjectAccessReview,
      answer: (object, asker) => {
        check(object, [...accessFaults(specOf(object)), ...metadataFaults(object)]);
        return access(object, asker);
      },
    },
    {
      kind: subjectAccessReview,
      answer: (object) => {
        const spec = specOf(object);
        check(object, [...accessFaults(spec), ...subjectFaults(spec), ...metadataFaults(object)]);
        return access(object, subjectOf(spec));
      },
    },
    {
      kind: localSubjectAccessReview,
      answer: (object) => {
        const spec = specOf(object);
        const faults = [...accessFaults(spec), ...subjectFaults(spec), ...localFaults(spec, object)];
        check(object, [...faults, ...metadataFaults(object, "namespace")]);
        return access(object, subjectOf(spec));
      },
    },
    {
      kind: selfSubjectRulesReview,
      answer: async (object, asker) => {
        const { namespace = "" } = specOf(object);
        if (namespace === "") throw badRequest("no namespace on request");
        return rulesOf(authorizer, asker, namespace);
      },
    },
    { kind: selfSubjectReview, answer: async (_object, asker) => ({ userInfo: userInfo(asker) }) },
    { kind: tokenReview, answer: (object) => reviewToken(specOf(object), authenticators) },
  ];
}

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

interface Selector {
  readonly rawSelector?: string;
  readonly requirements?: readonly Requirement[];
}

interface ReviewSpec {
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly version?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
    readonly fieldSelector?: Selector;
    readonly labelSelector?: Selector;
  };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly namespace?: string;
  readonly token?: string;
  readonly audiences?: readonly string[];
}

function specOf(object: KubeObject): ReviewSpec {
  return (object["spec"] ?? {}) as ReviewSpec;
}

function check(object: KubeObject, errors: readonly FieldError[]): void {
  const [group = ""] = object.apiVersion.split("/");
  if (errors.length > 0) throw invalid({ group, kind: object.kind }, "", errors);
}

function accessFaults({ resourceAttributes, nonResourceAttributes: path }: ReviewSpec): FieldError[] {
  const fault = (detail: string): FieldError[] => [
    { type: "FieldValueInvalid", field: "spec.nonResourceAttributes", value: path ?? null, detail },
  ];
  if (resourceAttributes !== undefined && path !== undefined) {
    return fault("cannot be specified in combination with resourceAttributes");
  }
  if (resourceAttributes !== undefined)
    return [
      ...selectorFaults(
        "spec.resourceAttributes.fieldSelector",
        resourceAttributes.fieldSelector,
        fieldFaults,
      ),
      ...selectorFaults(
        "spec.resourceAttributes.labelSelector",
        resourceAttributes.labelSelector,
        labelFaults,
      ),
    ];
  if (path !== undefined) return [];
  return [
    {
      ...{ type: "FieldValueInvalid", field: "spec.resourceAttributes", value: null },
      detail: "exactly one of nonResourceAttributes or resourceAttributes must be specified",
    },
  ];
}

/** As text or as requirements; operators that are not known yet are for newer servers. */
function selectorFaults(
  field: string,
  selector: Selector | undefined,
  faultsOf: (at: string, requirement: Requirement) => FieldError[],
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector === "" && requirements.length === 0) {
    const detail = `when ${field} is specified, requirements or rawSelector is required`;
    return [{ type: "FieldValueRequired", field: `${field}.requirements`, detail }];
  }
  const faults: FieldError[] = [];
  if (rawSelector !== "" && requirements.length > 0) {
    const detail = "may not specified at the same time as requirements";
    faults.push({ type: "FieldValueInvalid", field: `${field}.rawSelector`, value: rawSelector, detail });
  }
  for (const [index, one] of requirements.entries())
    faults.push(...faultsOf(`${field}.requirements[${index}]`, one));
  return faults;
}

function fieldFaults(at: string, requirement: Requirement): FieldError[] {
  const field = `${at}.key`;
  const faults: FieldError[] = requirement.key
    ? []
    : [{ type: "FieldValueRequired", field, detail: "must be specified" }];
  return [...faults, ...valuesFaults(at, requirement)];
}

function labelFaults(at: string, requirement: Requirement): FieldError[] {
  const { key = "", values = [] } = requirement;
  const invalid = (field: string, value: string) => (detail: string) =>
    ({ type: "FieldValueInvalid", field: `${at}.${field}`, value, detail }) as const;
  return [
    ...valuesFaults(at, requirement),
    ...qualifiedNameFaults(key).map(invalid("key", key)),
    ...values.flatMap((value, index) => labelValueFaults(value).map(invalid(`values[${index}]`, value))),
  ];
}

function valuesFaults(at: string, { operator = "", values = [] }: Requirement): FieldError[] {
  const field = `${at}.values`;
  if (["In", "NotIn"].includes(operator) && values.length === 0) {
    const detail = "must be specified when `operator` is 'In' or 'NotIn'";
    return [{ type: "FieldValueRequired", field, detail }];
  }
  if (!["Exists", "DoesNotExist"].includes(operator) || values.length === 0) return [];
  const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
  return [{ type: "FieldValueForbidden", field, detail }];
}

/** A question has no name and no labels. */
function metadataFaults({ metadata }: KubeObject, but?: "namespace"): FieldError[] {
  const { managedFields: _none, namespace: _where, ...others } = metadata;
  if (Object.keys(others).length === 0) return [];
  const value = but === undefined ? others : { ...others, namespace: metadata.namespace };
  const detail = but === undefined ? "must be empty" : `must be empty except for ${but}`;
  return [{ type: "FieldValueInvalid", field: "metadata", value, detail }];
}

function subjectFaults({ user = "", groups = [] }: ReviewSpec): FieldError[] {
  if (user !== "" || groups.length > 0) return [];
  const detail = "at least one of user or group must be specified";
  return [{ type: "FieldValueInvalid", field: "spec.user", value: user, detail }];
}

function localFaults(spec: ReviewSpec, { metadata }: KubeObject): FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (nonResourceAttributes !== undefined) {
    const detail = "disallowed on this kind of request";
    return [
      {
        type: "FieldValueInvalid",
        field: "spec.nonResourceAttributes",
        value: nonResourceAttributes,
        detail,
      },
    ];
  }
  const { namespace = "" } = resourceAttributes ?? {};
  if (namespace === metadata.namespace) return [];
  const field = "spec.resourceAttributes.namespace";
  return [{ type: "FieldValueInvalid", field, value: namespace, detail: "must match metadata.namespace" }];
}

function subjectOf({ user = "", groups = [], uid, extra }: ReviewSpec): User {
  return { name: user, groups, ...(uid && { uid }), ...(extra && { extra }) };
}

function asked(
  { resourceAttributes: of = {}, nonResourceAttributes: path }: ReviewSpec,
  user: User,
): Attributes {
  if (path !== undefined) return { type: "path", user, verb: path.verb ?? "", path: path.path ?? "" };
  const { verb = "", group = "", version, resource = "", subresource, namespace, name, fieldSelector } = of;
  const selector = fieldSelector && selectorText(fieldSelector);
  return {
    ...{ type: "resource", user, verb, group, resource },
    ...(version && { version }),
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(selector && { fieldSelector: selector }),
  };
}

/** What narrows a request may be left out where it cannot be said as text: the answer errs towards no. */
function selectorText({ rawSelector, requirements = [] }: Selector): string {
  if (rawSelector) return rawSelector;
  return requirements
    .filter(({ operator, values = [] }) => operator === "In" && values.length === 1)
    .map(({ key = "", values: [value = ""] = [] }) => `${key}=${value.replace(/[\\,=]/g, "\\$&")}`)
    .join(",");
}

/** What `kubectl auth can-i --list` prints. */
function rulesOf(authorizer: Authorizer, user: User, namespace: string): Record<string, unknown> {
  const known = authorizer.rulesFor?.(user, namespace);
  const { rules = [], faults = ["the authorizer cannot list what it allows"] } = known ?? {};
  return {
    resourceRules: rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ nonResourceURLs: _none, ...rule }) => rule),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: faults.length > 0,
    ...(faults.length > 0 && { evaluationError: faults.join(", ") }),
  };
}

async function reviewToken(
  { token = "", audiences = [] }: ReviewSpec,
  authenticators: readonly Authenticator[],
): Promise<Record<string, unknown>> {
  if (token === "") throw badRequest("token is required for TokenReview in authentication");
  const identity = await authenticate(authenticators, {
    ...{ certificate: undefined, bearerToken: token },
    ...(audiences.length > 0 && { audiences }),
  });
  if (identity === undefined) return { user: {}, error: "invalid bearer token" };
  return {
    ...{ authenticated: true, user: userInfo(identity.user) },
    ...(identity.audiences && { audiences: identity.audiences }),
  };
}

export function userInfo({ name, groups, uid, extra }: User): Record<string, unknown> {
  const more = extra !== undefined && Object.keys(extra).length > 0 ? { extra } : {};
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...more };
}
