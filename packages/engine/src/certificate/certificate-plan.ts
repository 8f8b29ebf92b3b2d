/** When a node asks for a certificate, and how the one it has stands. Pure. */
import { createHash } from "node:crypto";
import type { CertificateSpec } from "./certificate-spec.ts";

/** What is known of one: on the disk, sealed. */
export interface KeptCertificate {
  readonly name: string;
  /** Of what it was asked for and whom; another one is begun anew. */
  readonly digest: string;
  /** PEM; made before the first question, so that an answer that comes late fits it. */
  readonly key: string;
  /** PEM; not there: the authority gave none yet. */
  readonly certificate?: string;
  /** PEM of those that vouch for it. */
  readonly chain: readonly string[];
}

export interface Validity {
  readonly from: number;
  readonly to: number;
}

/** How the last question fared; not there: none was asked since the start. */
export interface Asked {
  readonly at: number;
  readonly result: "granted" | "pending" | { readonly error: string };
}

export type CertificateStep =
  /** For the first time, or for another in place of the one there is. */
  { readonly do: "ask"; readonly renews: boolean } | { readonly do: "wait"; readonly ms: number };

export interface StepInputs {
  /** Of the one there is. */
  readonly validity: Validity | undefined;
  readonly renewAtPercent: number;
  readonly asked: Asked | undefined;
  readonly retryMs: number;
  readonly now: number;
}

/** Timers take no longer. */
const longestMs = 24 * 3_600_000;

export function nextCertificateStep(inputs: StepInputs): CertificateStep {
  const { validity, renewAtPercent, asked, retryMs, now } = inputs;
  const renewAt =
    validity === undefined ? now : validity.from + ((validity.to - validity.from) * renewAtPercent) / 100;
  // Whatever the authority gives, it is not asked more often than that.
  const retryAt = asked === undefined ? renewAt : asked.at + retryMs;
  const left = Math.max(renewAt, retryAt) - now;
  if (left > 0) return { do: "wait", ms: Math.min(left, longestMs) };
  // What has run out proves nothing any more.
  return { do: "ask", renews: validity !== undefined && now < validity.to };
}

export type CertificatePhase =
  | "available"
  | "pending"
  | "renewal-pending"
  | "expired"
  | "failed"
  | "renewal-failed"
  | "invalid";

export function certificatePhase(
  validity: Validity | undefined,
  asked: Asked | undefined,
  now: number,
): CertificatePhase {
  const failed = typeof asked?.result === "object";
  if (validity === undefined) return failed ? "failed" : "pending";
  if (now >= validity.to) return "expired";
  if (failed) return "renewal-failed";
  return asked?.result === "pending" ? "renewal-pending" : "available";
}

export function digestOfSpec({ url, request, roots }: CertificateSpec): string {
  // By when it is renewed is no matter of what it is.
  const { renewAtPercent: _, ...asked } = request;
  return createHash("sha256").update(JSON.stringify({ url, asked, roots })).digest("hex").slice(0, 32);
}

export function pathOfCertificate(name: string): string {
  return `certificates/${createHash("sha256").update(name).digest("hex").slice(0, 16)}.json`;
}
