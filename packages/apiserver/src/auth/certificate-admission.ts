/** Who asks for a certificate, and who may approve it and hand it out. */
import type { FieldError, KubeObject } from "@selvedge/apimachinery";
import { type Clock, jsonEqual, toRfc3339 } from "@selvedge/base";
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "../admission.ts";
import { invalid } from "../rest/refusals.ts";
import type { Authorizer } from "./authorization.ts";

const group = "certificates.k8s.io";
/** Decisions of people, and what the signer alone says; what else there is, both may say. */
const decisions = new Set(["Approved", "Denied"]);
const signers = new Set(["Failed"]);

interface Condition {
  readonly type: string;
  lastUpdateTime?: string | null;
  lastTransitionTime?: string | null;
}

interface Status {
  conditions?: Condition[];
  certificate?: string;
}

export function certificateAdmission(authorizer: Authorizer, clock: Clock): AdmissionMember[] {
  const isRequest: AdmissionMember["handles"] = ({ kind }) =>
    kind.group === group && kind.plural === "certificatesigningrequests";
  return [
    {
      name: "CertificateRequester",
      handles: (subject) => isRequest(subject) && subject.operation === "CREATE",
      mutate: ({ user, object }) => {
        if (user === undefined || object === undefined) return;
        const {
          username: _name,
          uid: _uid,
          groups: _groups,
          extra: _extra,
          ...spec
        } = (object["spec"] ?? {}) as object & {
          [field: string]: unknown;
        };
        const { name, uid, groups, extra } = user;
        object["spec"] = { ...spec, username: name, groups, ...(uid && { uid }), ...(extra && { extra }) };
      },
    },
    {
      name: "CertificateApproval",
      handles: (subject) =>
        isRequest(subject) && subject.operation === "UPDATE" && subject.subresource !== undefined,
      mutate: (request) => keepOthers(request, toRfc3339(clock.now())),
      validate: (request) => checkSigner(request, authorizer),
    },
  ];
}

function statusOf(object: KubeObject | undefined): Status {
  return (object?.["status"] ?? {}) as Status;
}

/** `approval` changes all but what the signer says of failure, `status` all but decisions. */
function keepOthers(request: AdmissionRequest, now: string): void {
  const { subresource, object, old } = request;
  if (object === undefined) return;
  const others = subresource === "approval" ? signers : decisions;
  const mine = ({ type }: Condition): boolean => !others.has(type);
  const before = statusOf(old).conditions ?? [];
  const asked = statusOf(object).conditions ?? [];
  if (subresource !== "approval") refuseDecisions(request, asked, before);
  const said = asked.filter(mine);
  for (const one of said) {
    const known = before.find(({ type }) => type === one.type);
    one.lastUpdateTime ??= known?.lastUpdateTime ?? now;
    one.lastTransitionTime ??= known?.lastTransitionTime ?? now;
  }
  const { conditions: _asked, ...status } = statusOf(object);
  const conditions = [...before.filter((one) => !mine(one)), ...said];
  object["status"] = { ...status, ...(conditions.length > 0 && { conditions }) };
}

/** Who thinks that this approves would wait for ever. */
function refuseDecisions(
  { kind, name, user }: AdmissionRequest,
  asked: readonly Condition[],
  before: readonly Condition[],
): void {
  const added = asked.filter(({ type }) => decisions.has(type) && before.every((one) => one.type !== type));
  if (user === undefined || added.length === 0) return;
  const errors = added.map(({ type }): FieldError => {
    const detail = `updates may not add a condition of type "${type}"`;
    return { type: "FieldValueForbidden", field: "status.conditions", detail };
  });
  throw invalid(kind, name, errors);
}

async function checkSigner(request: AdmissionRequest, authorizer: Authorizer): Promise<void> {
  const { user, subresource, object, old } = request;
  if (user === undefined || jsonEqual(statusOf(object), statusOf(old))) return;
  const verb = subresource === "approval" ? "approve" : "sign";
  const { signerName = "" } = (object?.["spec"] ?? {}) as { signerName?: string };
  const [domain = ""] = signerName.split("/");
  for (const name of [signerName, `${domain}/*`]) {
    const asked = { type: "resource", user, verb, group, version: "v1", resource: "signers", name } as const;
    if ((await authorizer.authorize(asked)).allowed) return;
  }
  throw refusedBy(
    request,
    `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`,
  );
}
