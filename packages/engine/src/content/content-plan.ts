import type { Instant } from "@selvedge/base";
import { after, between, type Millis, millis } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { ContentId, ContentSpec, DesiredState } from "../desired.ts";
import type { BlobRef, ContentStatus } from "../observed.ts";
import type { Unread } from "../unread.ts";

export type PullPolicy = "if-not-present" | "always" | "never";

/** What was once found behind a content's URL; kept on disk, so that a node without a network still knows. */
export interface Remembered {
  readonly url: string;
  readonly generation?: number;
  /** Hex SHA-256 of the manifest or the file. */
  readonly hash: string;
}

/** A record beside each stored image or file: whoever has the folder has the index. */
export interface StoredContent {
  readonly hash: string;
  readonly path: string;
  readonly digest: string;
  readonly imageId: string;
  readonly sizeBytes: number;
  readonly config: ReadyStatus["config"] | null;
  readonly components?: readonly BlobRef[];
}

export type ReadyStatus = Extract<ContentStatus, { phase: "ready" }>;

export interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly failures: number;
  readonly retryAt: Instant;
}

export interface FailedAttempt extends Failure {
  readonly failedAt: Instant;
}

export interface ContentInputs {
  readonly wanted: ContentSpec | undefined;
  /** Some app runs on it, or may go back to what did. */
  readonly held: boolean;
  readonly policy: PullPolicy;
  readonly remembered: Remembered | undefined;
  readonly stored: StoredContent | undefined;
  /** Whether the source was asked since the engine started, for the policy Always. */
  readonly asked: boolean;
  readonly failure: FailedAttempt | undefined;
  /** No attempt is put off for longer than this now, whatever was so when it failed. */
  readonly longest: Millis;
  /** Why nothing is downloaded now. */
  readonly tooDear: string | undefined;
  /** How long content is kept that is wanted no more, and since when it is not. */
  readonly keep: Millis;
  readonly unwantedSince: Instant;
  readonly now: Instant;
}

export type ContentStep =
  | { readonly action: "forget" }
  /** Nobody wants it, and somebody may again. */
  | { readonly action: "keep"; readonly stored: StoredContent; readonly wait: Millis }
  | { readonly action: "use"; readonly stored: StoredContent }
  /** `fallback` is used when the source does not answer: a node must start its apps without a network. */
  | { readonly action: "fetch"; readonly fallback: StoredContent | undefined }
  | { readonly action: "refuse" }
  /** Nothing is known of it but its name. */
  | { readonly action: "unread"; readonly unread: Unread }
  /** Until there is a way that may be used for it. */
  | { readonly action: "spare"; readonly why: string }
  | { readonly action: "wait"; readonly failure: Failure; readonly wait: Millis };

/** Decides the next step of one content. The only place that decides. */
export function planContent(inputs: ContentInputs): ContentStep {
  const { wanted, policy, remembered, stored, failure, now } = inputs;
  if (wanted === undefined) return planUnwanted(inputs);
  const { url, generation = 0, unread } = wanted;
  if (unread?.goesOn === false)
    return stored === undefined ? { action: "unread", unread } : { action: "use", stored };
  const same = remembered?.url === url && (remembered.generation ?? 0) === generation;
  const present = same ? stored : undefined;
  const pinned = wanted.sha256 !== "" || wanted.url.includes("@sha256:");
  if (present !== undefined && (policy !== "always" || pinned || inputs.asked))
    return { action: "use", stored: present };
  if (policy === "never") return { action: "refuse" };
  if (inputs.tooDear !== undefined)
    return present === undefined
      ? { action: "spare", why: inputs.tooDear }
      : { action: "use", stored: present };
  const wait = failure === undefined ? millis(0) : waitOf(failure, inputs.longest, now);
  if (failure !== undefined && wait > 0) return { action: "wait", failure, wait };
  return { action: "fetch", fallback: present };
}

function planUnwanted({ held, stored, keep, unwantedSince, now }: ContentInputs): ContentStep {
  if (stored === undefined) return { action: "forget" };
  if (held) return { action: "use", stored };
  const kept = between(unwantedSince, now);
  return kept < keep ? { action: "keep", stored, wait: millis(keep - kept) } : { action: "forget" };
}

function waitOf({ failedAt, retryAt }: FailedAttempt, longest: Millis, now: Instant): Millis {
  // Failed later than now means that the calendar was set back meanwhile.
  if (between(failedAt, now) < 0) return millis(0);
  return millis(Math.max(0, Math.min(between(now, retryAt), between(now, after(failedAt, longest)))));
}

/** The strictest wish of the containers that use the content: one Always asks for all. */
export function pullPolicy(desired: DesiredState, id: ContentId): PullPolicy {
  const policies = desired.apps
    .flatMap(({ pod }) => [...pod.initContainers, ...pod.containers, ...pod.ephemeralContainers])
    .filter((container) => container.contentTreeId === id)
    .map((container) => container.imagePullPolicy);
  if (policies.includes(policyAlways)) return "always";
  const never = policies.length > 0 && policies.every((policy) => policy === policyNever);
  return never ? "never" : "if-not-present";
}

/** The schema's values, by name; its types come with it, its code is not needed to decide. */
const policyAlways: ext.ImagePullPolicy = 2;
const policyNever: ext.ImagePullPolicy = 3;

/** What a failed attempt becomes: Kubernetes says ErrImagePull once, then that it is backing off. */
export function nextFailure(
  before: Failure | undefined,
  reason: string,
  message: string,
  now: Instant,
  delay: Millis,
): FailedAttempt {
  const failures = (before?.failures ?? 0) + 1;
  const shown = reason === "ErrImagePull" && failures > 1 ? "ImagePullBackOff" : reason;
  return {
    ...{ reason: shown, message: message.slice(0, messageMax), failures },
    ...{ retryAt: after(now, delay), failedAt: now },
  };
}

/** Messages travel to the controller with every report. */
const messageMax = 1024;

export interface GarbageInputs {
  /** Paths that somebody still needs. */
  readonly used: ReadonlySet<string>;
  readonly present: readonly string[];
  readonly unusedSince: ReadonlyMap<string, Instant>;
  readonly pressure: boolean;
  readonly grace: Millis;
  readonly now: Instant;
}

/** What to remove now, and since when the others are unused. Under pressure nothing unused is spared. */
export function planGarbage(inputs: GarbageInputs): {
  readonly remove: readonly string[];
  readonly unusedSince: ReadonlyMap<string, Instant>;
} {
  const remove: string[] = [];
  const unusedSince = new Map<string, Instant>();
  for (const path of inputs.present) {
    if (inputs.used.has(path)) continue;
    const since = inputs.unusedSince.get(path) ?? inputs.now;
    if (inputs.pressure || between(since, inputs.now) >= inputs.grace) remove.push(path);
    else unusedSince.set(path, since);
  }
  return { remove, unusedSince };
}
