/** What becomes of a CertificateSigningRequest. Pure. */
import { between, hours, type Instant, instant, type Millis } from "@selvedge/base";
import type { CertificateSigningRequest } from "@selvedge/kinds";

export type CertificateStep =
  | { readonly type: "sign"; readonly signer: Signer; readonly seconds: number }
  | { readonly type: "fail"; readonly message: string }
  | { readonly type: "delete"; readonly why: string }
  /** Nothing to do before then. */
  | { readonly type: "wait"; readonly for: Millis };

/** Who may be made whom: a user, or a node. */
export type Signer = "kubernetes.io/kube-apiserver-client" | "kubernetes.io/kube-apiserver-client-kubelet";

const signers: readonly string[] = [
  "kubernetes.io/kube-apiserver-client",
  "kubernetes.io/kube-apiserver-client-kubelet",
] satisfies readonly Signer[];
const usagesAllowed = ["digital signature", "key encipherment", "client auth"];
const usageNeeded = "client auth";
/** As upstream's: a certificate that nobody asked to be shorter. */
const secondsMax = 365 * 24 * 3600;

/** How long a request is kept once it says no more: upstream's times. */
const keptPending: Millis = hours(24);
const keptDecided: Millis = hours(1);

export function planCertificate(request: CertificateSigningRequest, now: Instant): CertificateStep {
  const { spec, status = {} } = request;
  const kept = keptUntil(request);
  if (now >= kept) return { type: "delete", why: "nobody needs it any more" };
  const wait = { type: "wait", for: between(now, kept) } as const;
  const has = (type: string): boolean => status.conditions?.some((one) => one.type === type) === true;
  if (!signers.includes(spec.signerName) || status.certificate) return wait;
  if (!has("Approved") || has("Denied") || has("Failed")) return wait;
  const fault = usageFault(spec.usages ?? []);
  if (fault !== undefined) return { type: "fail", message: fault };
  const seconds = Math.min(spec.expirationSeconds ?? secondsMax, secondsMax);
  return { type: "sign", signer: spec.signerName as Signer, seconds };
}

function usageFault(usages: readonly string[]): string | undefined {
  const others = usages.filter((usage) => !usagesAllowed.includes(usage));
  if (others.length > 0) return `invalid usage for client certificate: ${others.join(", ")}`;
  return usages.includes(usageNeeded) ? undefined : `usages must include "${usageNeeded}"`;
}

function keptUntil({ metadata, status = {} }: CertificateSigningRequest): Instant {
  const made = Date.parse(metadata.creationTimestamp ?? "");
  const decided = (status.conditions ?? [])
    .filter(({ type }) => type === "Approved" || type === "Denied" || type === "Failed")
    .map(({ lastUpdateTime }) => Date.parse(lastUpdateTime ?? "") || made);
  const isDone =
    decided.length > 0 && (Boolean(status.certificate) || !onlyApproved(status.conditions ?? []));
  const from = isDone ? Math.max(...decided) : made;
  return instant(from + (isDone ? keptDecided : keptPending));
}

function onlyApproved(conditions: readonly { readonly type: string }[]): boolean {
  return conditions.every(({ type }) => type === "Approved");
}

/** What is wrong with the subject for this signer. */
export function subjectFault(
  signer: Signer,
  subject: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    readonly hasOthers: boolean;
  },
): string | undefined {
  const { commonName, organizations, hasOthers } = subject;
  if (commonName === "") return "the subject has no common name";
  if (signer === "kubernetes.io/kube-apiserver-client") return undefined;
  if (organizations.length !== 1 || organizations[0] !== "system:nodes") {
    return "the organization must be system:nodes";
  }
  if (!commonName.startsWith("system:node:")) return "the common name must begin with system:node:";
  return hasOthers ? "subject alternative names are not allowed" : undefined;
}
