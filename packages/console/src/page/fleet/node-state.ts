/** What is to be said of a node in one line: how it is, since when, why, and whether somebody has to look. */
import type { Condition } from "@selvedge/apimachinery";
import type { EdgeNode, Node } from "@selvedge/kinds";

export type NodeState = "ready" | "silent" | "expected" | "waiting" | "refused" | "off" | "unseen";

export interface NodeCondition {
  readonly state: NodeState;
  /** The state as a word. */
  readonly word: string;
  /** Why, as a sentence; empty where the word says it all. */
  readonly why: string;
  /** RFC 3339; since when it is so. */
  readonly since: string | undefined;
  /** What is wrong with it besides, a sentence each. */
  readonly faults: readonly string[];
  /** What is as somebody wanted it and still worth knowing. */
  readonly notes: readonly string[];
}

/** Conditions of an EdgeNode that somebody should look at: the status that says so, and what it means. */
const faulty: Readonly<Record<string, readonly [status: Condition["status"], means: string]>> = {
  ConfigAccepted: ["False", "Refused its newest configuration"],
  HardwareHealthy: ["False", "Hardware fails"],
  MaintenanceMode: ["True", "In maintenance"],
  NetworksReady: ["False", "A network fails"],
  SettingsApplied: ["False", "A setting is refused"],
  SystemUpdated: ["False", "System not updated"],
  TimeSynchronized: ["False", "Nothing sets its clock"],
  VaultUnlocked: ["False", "Vault locked"],
};
/** Reasons that are no fault: what is under way, and what a box of its kind cannot have. */
const calmReasons: readonly (string | undefined)[] = ["Fetching", "Installed", "NotEncrypted", "NotStarted"];

/** Either may be missing: a box that waits has no Node, and a Node that somebody made has no box. */
export function conditionOf(edgeNode: EdgeNode | undefined, node: Node | undefined): NodeCondition {
  const { phase, conditions } = edgeNode?.status ?? {};
  const faults = faultsOf(edgeNode);
  const created = (edgeNode ?? node)?.metadata.creationTimestamp ?? undefined;
  const enrolled = find(conditions, "Enrolled");
  if (phase === "Waiting") {
    const why = enrolled?.message ?? "It waits for somebody to approve it.";
    return { state: "waiting", word: "Waiting", why, since: created, faults: [], notes: [] };
  }
  const base = { faults, notes: notesOf(node) };
  if (phase === "Refused") {
    const since = enrolled?.lastTransitionTime ?? created;
    return { state: "refused", word: "Refused", why: enrolled?.message ?? "", since, ...base };
  }
  if (phase === "Deactivated") {
    const why = "Taken out of service: its apps are stopped.";
    return { state: "off", word: "Out of service", why, since: undefined, ...base };
  }
  if (edgeNode !== undefined && phase === undefined && node === undefined) {
    const why = "Registered beforehand; it has never come.";
    return { state: "unseen", word: "Never seen", why, since: created, ...base };
  }
  return { ...lifeOf(edgeNode, node), ...base };
}

function lifeOf(
  edgeNode: EdgeNode | undefined,
  node: Node | undefined,
): Pick<NodeCondition, "state" | "word" | "why" | "since"> {
  const ready = find(node?.status?.conditions, "Ready") ?? find(edgeNode?.status?.conditions, "Ready");
  const turned = ready?.lastTransitionTime;
  if (ready?.status === "True") return { state: "ready", word: "Ready", why: "", since: turned };
  if (ready === undefined || ready.reason === "NotHeardYet") {
    const created = (edgeNode ?? node)?.metadata.creationTimestamp ?? undefined;
    const why = "Admitted; it has not reported yet.";
    return { state: "expected", word: "Expected", why, since: turned ?? created };
  }
  // A silent box has been so since it was heard last, which is before anybody noticed.
  const since = edgeNode?.status?.lastSeen ?? turned;
  if (ready.status === "Unknown" || edgeNode !== undefined) {
    const why = "Not heard: no power, no network, or its engine stopped. Its apps go on by themselves.";
    return { state: "silent", word: "Not ready", why, since };
  }
  return { state: "silent", word: "Not ready", why: ready.message ?? ready.reason ?? "", since };
}

function faultsOf(edgeNode: EdgeNode | undefined): string[] {
  const { configError, conditions = [] } = edgeNode?.status ?? {};
  return conditions.flatMap(({ type, status, message, reason }) => {
    const [bad, means] = faulty[type] ?? [];
    if (bad !== status || means === undefined || calmReasons.includes(reason)) return [];
    const refusal = type === "ConfigAccepted" ? configError : undefined;
    const detail = refusal === undefined ? (message ?? "") : [refusal.field, refusal.message].join(": ");
    return [detail === "" ? means : `${means}: ${detail}`];
  });
}

function notesOf(node: Node | undefined): string[] {
  return node?.spec?.unschedulable ? ["Takes no new apps (cordoned)"] : [];
}

function find(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((one) => one.type === type);
}
