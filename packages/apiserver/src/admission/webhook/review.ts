/** The question that a webhook is asked of a write, and what its answer says. Pure. */
import { holdingLazy } from "../../rest/lazy-object.ts";
import { type StatusDetails, StatusError } from "../../status-error.ts";
import { HookError } from "./hook-error.ts";

const group = "admission.k8s.io";
const versions = ["v1", "v1beta1"] as const;
export type ReviewVersion = (typeof versions)[number];

/** The first version that the webhook knows and we do. */
export function reviewVersion(accepted: readonly string[] = []): ReviewVersion {
  for (const one of accepted) {
    const known = versions.find((version) => version === one);
    if (known !== undefined) return known;
  }
  throw new HookError("webhook does not accept known AdmissionReview versions (v1, v1beta1)");
}

export function reviewOf(version: ReviewVersion, uid: string, request: object): object {
  const asked = holdingLazy({ uid, ...request });
  return holdingLazy({ kind: "AdmissionReview", apiVersion: `${group}/${version}`, request: asked });
}

/** metav1.Status, as far as anybody says it. */
export interface SaidStatus {
  readonly code?: number;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
}

export interface Verdict {
  readonly allowed: boolean;
  /** Operations as they were sent; "": none. */
  readonly patch: string;
  readonly result: SaidStatus | undefined;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

interface SaidResponse {
  readonly uid?: unknown;
  readonly allowed?: unknown;
  readonly patch?: unknown;
  readonly patchType?: unknown;
  readonly status?: unknown;
  readonly warnings?: unknown;
  readonly auditAnnotations?: unknown;
}

/** What was asked: as which version, under which name, and whether it may change something. */
interface Asked {
  readonly version: ReviewVersion;
  readonly uid: string;
  readonly mutates: boolean;
}

export function verdictOf(asked: Asked, answer: unknown): Verdict {
  const { version, uid } = asked;
  const invalid = (why: string): HookError => new HookError(`received invalid webhook response: ${why}`);
  const said = objectIn(answer) ?? {};
  const response = objectIn(said["response"]) as SaidResponse | undefined;
  if (response === undefined) throw invalid("webhook response was absent");
  const expected = `${group}/${version}, Kind=AdmissionReview`;
  const given = `${said["apiVersion"] ?? ""}, Kind=${said["kind"] ?? ""}`;
  if (version === "v1") {
    if (response.uid !== uid)
      throw invalid(
        `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? "")}`,
      );
    if (given !== expected) throw invalid(`expected webhook response of ${expected}, got ${given}`);
  }
  return {
    allowed: response.allowed === true,
    patch: patchIn(response, asked, invalid),
    result: objectIn(response.status) as SaidStatus | undefined,
    warnings: textsIn(response.warnings),
    annotations: Object.fromEntries(
      Object.entries(objectIn(response.auditAnnotations) ?? {}).flatMap(([key, value]) =>
        typeof value === "string" ? [[key, value]] : [],
      ),
    ),
  };
}

function patchIn(
  { patch: said, patchType }: SaidResponse,
  { version, mutates }: Asked,
  invalid: (why: string) => HookError,
): string {
  const patch = typeof said === "string" ? said : "";
  if (version === "v1" && !mutates) {
    if (patch !== "") throw invalid("validating webhook may not return response.patch");
    if (patchType !== undefined) throw invalid("validating webhook may not return response.patchType");
  }
  if (version === "v1" && mutates) {
    if (patch !== "" && patchType === undefined)
      throw invalid("webhook returned response.patch but not response.patchType");
    if (patch === "" && patchType !== undefined)
      throw invalid("webhook returned response.patchType but not response.patch");
    if (patchType === "") throw invalid('webhook returned invalid response.patchType of ""');
  }
  if (!mutates) return "";
  if (patch !== "" && version === "v1" && patchType !== "JSONPatch")
    throw new HookError(`unsupported patch type ${JSON.stringify(patchType)}`);
  return patch;
}

function objectIn(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/** What the client is told when a webhook says no. */
export function deniedBy(name: string, said: SaidStatus = {}): StatusError {
  const { code: given = 0, message, reason = "", details } = said;
  const code = given >= 400 && given < 600 ? given : 400;
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  const text = message || reason ? `${denied}: ${message || reason}` : `${denied} without explanation`;
  return new StatusError(code, reason, text, objectIn(details) as StatusDetails | undefined);
}
