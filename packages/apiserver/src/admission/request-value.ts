/** A write as policies and webhooks are told of it: upstream's AdmissionRequest, but for its objects. */
import type { AccessQuestion, KindDefinition } from "@selvedge/apimachinery";
import type { AdmissionRequest, WriteTerms } from "../admission.ts";
import { userInfo } from "../auth/review-kinds.ts";
import { authenticatedGroup, type User } from "../auth/user.ts";
import type { KindName } from "../rest/kind-names.ts";
import { partOf } from "../rest/resources.ts";
import { type Matched, namespaceOf } from "./matching.ts";

/** What writes without a user is a controller, which upstream's policies know by this name. */
const controllerUser: User = { name: "system:kube-controller-manager", groups: [authenticatedGroup] };

export type AskedWrite = Matched & WriteTerms & Pick<AdmissionRequest, "asked">;

const optionKinds: Readonly<Record<string, string>> = {
  ...{ CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" },
};

/** `matched`: the kind as which the write is looked at. */
export function requestValue(request: AskedWrite, matched: KindDefinition): Record<string, unknown> {
  const { kind, subresource, name, operation, user = controllerUser, dryRun } = request;
  const namespace = namespaceOf(request);
  const options = optionKinds[operation];
  return {
    ...{ kind: kindOf(matched, subresource), resource: resourceOf(matched) },
    ...(subresource && { subResource: subresource }),
    ...{ requestKind: kindOf(kind, subresource), requestResource: resourceOf(kind) },
    ...(subresource && { requestSubResource: subresource }),
    ...(name && { name }),
    ...(namespace && { namespace }),
    ...{ operation, userInfo: userInfo(user), dryRun },
    ...(options !== undefined && {
      options: {
        ...{ kind: options, apiVersion: "meta.k8s.io/v1", ...(dryRun && { dryRun: ["All"] }) },
        ...saidOptions(request.asked),
      },
    }),
  };
}

const optionNames = [
  ...["fieldManager", "fieldValidation", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"],
  "preconditions",
];

function saidOptions(asked: AskedWrite["asked"]): Record<string, unknown> {
  const said = (asked ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    optionNames.flatMap((name) => (said[name] === undefined ? [] : [[name, said[name]]])),
  );
}

/** What the write itself asks for, of who decides who may do what. */
export function askedOf({ kind, subresource, namespace, name }: Matched): Omit<AccessQuestion, "verb"> {
  return {
    ...{ group: kind.group, resource: kind.plural },
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
  };
}

function kindOf(kind: KindDefinition, subresource: string | undefined): Record<string, string> {
  const part = subresource === undefined ? undefined : partOf(kind, subresource);
  const { group, version } = kind;
  return { group: part?.group ?? group, version: part?.version ?? version, kind: part?.kind ?? kind.kind };
}

function resourceOf({ group, version, plural }: KindName): Record<string, string> {
  return { group, version, resource: plural };
}
