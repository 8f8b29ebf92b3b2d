import {
  type Condition,
  type FieldError,
  type KindDefinition,
  type KubeObject,
  labelValueFaults,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { Faults } from "./faults.ts";
import { builtIn } from "./kind.ts";
import { cidrFault } from "./network/cidr.ts";
import { node } from "./node-fields.ts";
import type { TaintEffect } from "./pod/pod-types.ts";
import { taintEffects } from "./pod/validate-scheduling.ts";

/** A box as Kubernetes tools know it. The controller keeps one for each enrolled EdgeNode. */
export interface Node extends KubeObject {
  apiVersion: "v1";
  kind: "Node";
  spec: NodeSpec;
  status?: NodeStatus;
}

export interface NodeSpec {
  unschedulable?: boolean;
  taints?: Taint[];
  podCIDR?: string;
  podCIDRs?: string[];
  providerID?: string;
}

export interface Taint {
  key: string;
  value?: string;
  effect: TaintEffect;
  timeAdded?: string;
}

export interface NodeCondition extends Condition {
  lastHeartbeatTime?: string | null;
}

export interface NodeStatus {
  capacity?: Record<string, string>;
  allocatable?: Record<string, string>;
  phase?: string;
  conditions?: NodeCondition[];
  addresses?: NodeAddress[];
  daemonEndpoints?: { kubeletEndpoint?: { Port: number } };
  nodeInfo?: NodeSystemInfo;
  images?: { names?: string[]; sizeBytes?: number }[];
  volumesInUse?: string[];
  volumesAttached?: { name: string; devicePath: string }[];
}

export interface NodeAddress {
  type: "Hostname" | "InternalIP" | "ExternalIP" | "InternalDNS" | "ExternalDNS";
  address: string;
}

export interface NodeSystemInfo {
  machineID: string;
  systemUUID: string;
  bootID: string;
  kernelVersion: string;
  osImage: string;
  containerRuntimeVersion: string;
  kubeletVersion: string;
  kubeProxyVersion: string;
  operatingSystem: string;
  architecture: string;
}

export const nodeKind: KindDefinition = builtIn(node, {
  group: "",
  version: "v1",
  kind: "Node",
  plural: "nodes",
  singular: "node",
  shortNames: ["no"],
  namespaced: false,
  subresources: {
    status: true,
    statusOnCreate: true,
    others: [
      { name: "proxy", kind: "NodeProxyOptions", verbs: ["create", "delete", "get", "patch", "update"] },
    ],
  },
  selectableFields: ["spec.unschedulable"],
  applyDefaults: (object) => {
    const node = object as Node;
    node.spec ??= {};
    oneRange(node.spec);
    if (node.status?.capacity !== undefined) node.status.allocatable ??= { ...node.status.capacity };
  },
  validate: (object, old) => validate(object as Node, old as Node | undefined),
  hasGeneration: false,
  columns: [
    nameColumn,
    column<Node>("Status", "Whether it is ready.", statusText),
    column<Node>("Roles", "What it is for.", rolesText),
    ageColumn,
    column<Node>("Version", "Version of the engine.", ({ status }) => status?.nodeInfo?.kubeletVersion ?? ""),
    column<Node>("Internal-IP", "Its address.", (node) => addressText(node, "InternalIP"), 1),
    column<Node>("External-IP", "Its address outside.", (node) => addressText(node, "ExternalIP"), 1),
    column<Node>("OS-Image", "Its operating system.", ({ status }) => known(status?.nodeInfo?.osImage), 1),
    column<Node>("Kernel-Version", "Its kernel.", ({ status }) => known(status?.nodeInfo?.kernelVersion), 1),
    column<Node>(
      "Container-Runtime",
      "What runs its apps.",
      ({ status }) => known(status?.nodeInfo?.containerRuntimeVersion),
      1,
    ),
  ],
});

function checkRanges(
  faults: Faults,
  path: string,
  ranges: readonly string[] = [],
  before: readonly string[] = [],
): void {
  for (const [index, range] of ranges.entries()) {
    const fault = cidrFault(range);
    if (fault !== undefined) faults.invalid(`${path}[${index}]`, range, fault);
  }
  const versions = new Set(ranges.map((range) => range.includes(":")));
  if (versions.size < ranges.length) {
    faults.invalid(path, ranges, "may specify no more than one CIDR for each IP family");
  }
  if (before.length > 0 && !jsonEqual(before, ranges)) {
    faults.forbidden(path, 'node updates may not change podCIDR except from "" to valid');
  }
}

const rolePrefix = "node-role.kubernetes.io/";
const roleLabel = "kubernetes.io/role";

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const word = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

function rolesText({ metadata: { labels = {} } }: Node): string {
  const roles = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix)) return [key.slice(rolePrefix.length)];
    return key === roleLabel ? [value] : [];
  });
  return (
    [...new Set(roles)]
      .filter((role) => role !== "")
      .sort()
      .join(",") || "<none>"
  );
}

function addressText({ status }: Node, wanted: NodeAddress["type"]): string {
  return status?.addresses?.find(({ type }) => type === wanted)?.address || "<none>";
}

function known(text: string | undefined): string {
  return text || "<unknown>";
}

/** The first range has a place of its own too, and what older clients say there holds. */
function oneRange(spec: NodeSpec): void {
  if (spec.podCIDR) {
    if (spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  } else if (spec.podCIDRs?.[0]) [spec.podCIDR] = spec.podCIDRs;
  else delete spec.podCIDR;
  if (spec.podCIDRs?.length === 0) delete spec.podCIDRs;
}

function validate({ spec }: Node, old: Node | undefined): FieldError[] {
  const faults = new Faults();
  checkRanges(faults, "spec.podCIDRs", spec.podCIDRs, old?.spec.podCIDRs);
  if (old?.spec.providerID && spec.providerID !== old.spec.providerID) {
    faults.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid');
  }
  const seen = new Set<string>();
  for (const [index, taint] of (spec.taints ?? []).entries()) {
    const at = `spec.taints[${index}]`;
    faults.key(`${at}.key`, taint.key);
    if (taint.value) faults.all(`${at}.value`, taint.value, labelValueFaults(taint.value));
    if (!taint.effect) faults.required(`${at}.effect`);
    else faults.oneOf(`${at}.effect`, taint.effect, taintEffects);
    const identity = `${taint.effect} ${taint.key}`;
    if (seen.has(identity)) {
      const detail = "taints must be unique by key and effect pair";
      faults.errors.push({ type: "FieldValueDuplicate", field: at, value: taint, detail });
    }
    seen.add(identity);
  }
  return faults.errors;
}
