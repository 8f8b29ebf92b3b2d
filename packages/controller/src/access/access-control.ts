/**
 * Who may use the Kubernetes API for what: the parts of `apiserver` that decide, put together.
 *
 *   certificate ─┐                      ┌─ masters
 *   token file ──┼─ who? ── may they? ──┼─ a node, of its own things
 *   accounts ────┤                      └─ roles
 *   bootstrap ───┘
 */

import { createPublicKey } from "node:crypto";
import {
  type AdmissionMember,
  type Authenticator,
  type Authorizer,
  anyOf,
  bootstrapRbac,
  bootstrapTokens,
  certificateAdmission,
  escalationGuard,
  mastersAuthorizer,
  nodeAuthorizer,
  nodeRestriction,
  type ObjectRegistry,
  podsIn,
  RbacAuthorizer,
  refusedBy,
  ServiceAccountTokens,
} from "@selvedge/apiserver";
import type { Clock, Log, Random } from "@selvedge/base";
import { type CertificateSigningRequest, certificateSigningRequestKind } from "@selvedge/kinds";
import { parseRequest, subjectOf } from "../pki/client-certificates.ts";
import type { Pki } from "../pki/pki.ts";
import { accountAdmission } from "./account-admission.ts";
import { standardRoles } from "./edge-roles.ts";

export interface AccessControlOptions {
  readonly registry: ObjectRegistry;
  readonly pki: Pki;
  /** Who says so in tokens of ServiceAccounts. */
  readonly issuer: string;
  /** Whom those tokens are for when nobody is named; the issuer when not given. */
  readonly audiences?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface AccessControl extends Disposable {
  readonly authorizer: Authorizer;
  /** Asked after client certificates and static tokens. */
  readonly authenticators: readonly Authenticator[];
  readonly serviceAccounts: ServiceAccountTokens;
  /** Makes sure of the roles that everybody takes for granted. */
  start(): Promise<void>;
}

export function createAccessControl(options: AccessControlOptions): AccessControl {
  const { registry, pki, issuer, audiences, clock, random, log } = options;
  const rbac = new RbacAuthorizer({ objects: registry, clock, log });
  const authorizer = anyOf(mastersAuthorizer, nodeAuthorizer(podsIn(registry)), rbac);
  registry.admission.add(
    ...[accountAdmission(registry, random), nodeRestriction],
    ...[escalationGuard({ rbac, authorizer }), noMasters],
    ...certificateAdmission(authorizer, clock),
  );
  const keys = pki
    .accountKeys()
    .map((privateKey) => ({ privateKey, publicKey: createPublicKey(privateKey) }));
  const serviceAccounts = new ServiceAccountTokens({
    ...{ objects: registry, keys, issuer, clock, random },
    ...(audiences && { audiences }),
  });
  return {
    ...{ authorizer, serviceAccounts },
    authenticators: [bootstrapTokens(registry, clock)],
    start: () => bootstrapRbac(registry, standardRoles()),
    [Symbol.dispose]: () => rbac[Symbol.dispose](),
  };
}

const masters = "system:masters";

/** Nobody becomes a member of system:masters by a certificate that was asked for. */
const noMasters: AdmissionMember = {
  name: "CertificateSubjectRestriction",
  handles: ({ kind, operation }) => kind === certificateSigningRequestKind && operation === "CREATE",
  async validate(request) {
    const { spec } = request.object as CertificateSigningRequest;
    if (spec.signerName !== "kubernetes.io/kube-apiserver-client") return;
    if (!(await organizationsOf(spec.request)).includes(masters)) return;
    throw refusedBy(request, `use of ${spec.signerName} signer with ${masters} group is not allowed`);
  },
};

async function organizationsOf(request: string): Promise<readonly string[]> {
  try {
    return subjectOf(await parseRequest(Buffer.from(request, "base64").toString())).organizations;
  } catch {
    // What cannot be read is never signed: the signer says why.
    return [];
  }
}
