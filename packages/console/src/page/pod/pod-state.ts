/** A Pod and its containers in words. */
import type { ContainerState, ContainerStatus, Pod } from "@selvedge/kinds";
import { spaced } from "../words.ts";

export type Tone = "good" | "busy" | "bad" | "idle";

export interface PodState {
  readonly tone: Tone;
  readonly word: string;
  /** Why, where the word does not say it all. */
  readonly why: string;
}

/** Reasons to wait that pass by themselves. */
const passing: readonly string[] = ["ContainerCreating", "PodInitializing", "Pulling"];

export function podState({ metadata, status, spec }: Pod): PodState {
  if (metadata.deletionTimestamp !== undefined) {
    return { tone: "busy", word: "Stopping", why: "It was deleted and ends its work." };
  }
  const { phase = "Pending", reason, message, conditions = [] } = status ?? {};
  const ready = conditions.find(({ type }) => type === "Ready");
  const placed = conditions.find(({ type }) => type === "PodScheduled");
  if (phase === "Succeeded") return { tone: "idle", word: "Done", why: "" };
  if (phase === "Failed") {
    return { tone: "bad", word: spaced(reason ?? "Failed"), why: message ?? failureOf(status) };
  }
  if (ready?.status === "Unknown" || ready?.reason === "NodeUnreachable") {
    return { tone: "idle", word: "Unknown", why: ready.message ?? "Its node is not heard." };
  }
  if (ready?.status === "True") return { tone: "good", word: "Running", why: "" };
  if (!spec.nodeName) return { tone: "busy", word: "Waiting for a node", why: placed?.message ?? "" };
  const trouble = troubleOf(status);
  if (trouble !== undefined) return trouble;
  if (phase === "Running") {
    return { tone: "busy", word: "Running, not ready", why: ready?.message ?? "" };
  }
  return { tone: "busy", word: "Starting", why: message ?? ready?.message ?? "" };
}

/** Whether a node has it to run now; what is done or on its way out is not wanted. */
export function isWanted({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded";
}

export function isRunning({ status }: Pod): boolean {
  return status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ?? false;
}

function statusesOf(status: Pod["status"]): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

function troubleOf(status: Pod["status"]): PodState | undefined {
  for (const { name, state } of statusesOf(status)) {
    const { reason = "", message } = state?.waiting ?? {};
    if (reason === "" || passing.includes(reason)) continue;
    return { tone: "bad", word: spaced(reason), why: message ? `${name}: ${message}` : name };
  }
  return undefined;
}

function failureOf(status: Pod["status"]): string {
  const failed = statusesOf(status).find(({ state }) => (state?.terminated?.exitCode ?? 0) !== 0);
  return failed === undefined ? "" : `${failed.name}: ${stateText(failed.state).why}`;
}

/** One container's state, as the list of containers says it. */
export function stateText(
  state: ContainerState | undefined,
): PodState & { readonly since: string | undefined } {
  if (state?.running !== undefined) {
    return { tone: "good", word: "Running", why: "", since: state.running.startedAt ?? undefined };
  }
  if (state?.terminated !== undefined) {
    const { exitCode, signal, reason, message, finishedAt } = state.terminated;
    const how = signal ? `ended by signal ${signal}` : `ended with exit code ${exitCode}`;
    const said = [reason && !["Completed", "Error"].includes(reason) ? spaced(reason) : "", how, message];
    const why = said.filter((text) => text).join(": ");
    const since = finishedAt ?? undefined;
    return exitCode === 0
      ? { tone: "idle", word: "Done", why: "", since }
      : { tone: "bad", word: "Failed", why, since };
  }
  const { reason = "", message = "" } = state?.waiting ?? {};
  if (reason === "" || passing.includes(reason)) {
    return { tone: "busy", word: "Waiting", why: message, since: undefined };
  }
  return { tone: "bad", word: spaced(reason), why: message, since: undefined };
}
