import type { Instant } from "@selvedge/base";
import { after, between, type Millis, millis, minutes } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { ContentId, ContentSpec, DesiredState } from "../desired.ts";
import type { BlobRef, ContentStatus } from "../observed.ts";

export type PullPolicy = "if-not-present" | "always" | "never";

/** What was once found behind a content's URL; kept on disk, so that a node without a network still knows. */
export interface Remembered {
  readonly url: string;
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

export interface ContentInputs {
  readonly wanted: ContentSpec | undefined;
  /** Some app runs on it, or may go back to what did. */
  readonly held: boolean;
  readonly policy: PullPolicy;
  readonly remembered: Remembered | undefined;
  readonly stored: StoredContent | undefined;
  /** Whether the source was asked since the engine started, for the policy Always. */
  readonly asked: boolean;
  readonly failure: Failure | undefined;
  readonly now: Instant;
}

export type ContentStep =
  | { readonly action: "forget" }
  | { readonly action: "use"; readonly stored: StoredContent }
  /** `fallback` is used when the source does not answer: a node must start its apps without a network. */
  | { readonly action: "fetch"; readonly fallback: StoredContent | undefined }
  | { readonly action: "refuse" }
  | { readonly action: "wait"; readonly failure: Failure; readonly wait: Millis };

/** No attempt is put off for longer, whatever it failed with. */
export const backoffLongest: Millis = minutes(30);

/** Decides the next step of one content. The only place that decides. */
export function planContent(inputs: ContentInputs): ContentStep {
  const { wanted, policy, remembered, stored, failure, now } = inputs;
  if (wanted === undefined)
    return inputs.held && stored !== undefined ? { action: "use", stored } : { action: "forget" };
  const present = stored !== undefined && remembered?.url === wanted.url ? stored : undefined;
  const pinned = wanted.sha256 !== "" || wanted.url.includes("@sha256:");
  if (present !== undefined && (policy !== "always" || pinned || inputs.asked))
    return { action: "use", stored: present };
  if (policy === "never") return { action: "refuse" };
  const wait = failure === undefined ? millis(0) : between(now, failure.retryAt);
  // A longer wait than any back-off means that the calendar was set back meanwhile.
  if (failure !== undefined && wait > 0 && wait <= backoffLongest) return { action: "wait", failure, wait };
  return { action: "fetch", fallback: present };
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
): Failure {
  const failures = (before?.failures ?? 0) + 1;
  const shown = reason === "ErrImagePull" && failures > 1 ? "ImagePullBackOff" : reason;
  return { reason: shown, message: message.slice(0, messageMax), failures, retryAt: after(now, delay) };
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
