import { cloneJson, type Instant, toRfc3339 } from "@selvedge/base";
import { ext, getExtension, type info } from "@selvedge/eve-api";
import type { EdgeNodeDevice, EdgeNodeStatus, NodeAddress, NodeCondition, NodeStatus } from "@selvedge/kinds";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
import { isCountedByOthers } from "../scheduling/resources.ts";
import { timeOfNode, timestampOfNode } from "./node-time.ts";
import { deviceAmounts } from "./port-status.ts";
import { makeRoom, saidConditions } from "./said-conditions.ts";

/** The version of Kubernetes' node interface we follow; kubectl shows it as the node's version. */
const kubernetesVersion = "v1.34.0";
const mebibyte = 1024n * 1024n;
/** As kubelet: the names of more images than this tell nobody anything. */
const imagesMax = 50;
/** What a node takes that does not say: kubelet's own default. */
const defaultMaxPods = 110;

/** Why a configuration was not even sent: the reason of ConfigAccepted that render gives. */
export const configTooLarge = "ConfigTooLarge";

/** What a node says of itself, ours or another's, in one shape. */
export function nodeReportOf(device: info.ZInfoDevice): ext.NodeReport | undefined {
  return getExtension(device, ext.NodeReportSchema);
}

/** Node.status from a device report, but for the Ready condition, which is the node-status reconciler's. */
export function nodeStatusOf(
  before: NodeStatus,
  nodeName: string,
  nodeId: string,
  device: info.ZInfoDevice,
  now: Instant,
  /** What apps may have of the box. */
  devices: readonly EdgeNodeDevice[] = [],
): NodeStatus {
  const report = nodeReportOf(device);
  const memory = report?.memoryBytes || device.memory * mebibyte;
  const storage = report?.storageBytes || device.storage * mebibyte;
  const cpu = report?.cpuMillis || BigInt(device.ncpu) * 1000n;
  const pods = String(report?.maxApps || defaultMaxPods);
  const capacity = amounts(cpu, memory, storage, pods);
  const allocatable = amounts(
    report?.allocatableCpuMillis || cpu,
    report?.allocatableMemoryBytes || memory,
    report?.allocatableStorageBytes || storage,
    pods,
  );
  const lent = deviceAmounts(devices, device);
  const counted = countedByOthers(before.capacity);
  const conditions = cloneJson(before.conditions ?? []);
  const said = pressures(report);
  makeRoom(conditions, said, isReady);
  for (const says of said) setCondition(conditions, says, now);
  heartbeat(conditions, now);
  return {
    ...before,
    capacity: { ...counted, ...capacity, ...lent.capacity },
    allocatable: { ...counted, ...allocatable, ...lent.allocatable },
    conditions,
    addresses: addressesOf(nodeName, device, report),
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      machineID: report?.machineId || nodeId.replaceAll("-", ""),
      systemUUID: device.minfo?.UUID || nodeId,
      bootID: report?.bootId || bootIdOf(device),
      kernelVersion: report?.kernelVersion || "unknown",
      osImage: report?.osImage || device.swList[0]?.shortVersion || device.platform || "unknown",
      containerRuntimeVersion: report === undefined ? "eve://unknown" : `selvedge://${report.engineVersion}`,
      kubeletVersion:
        report === undefined
          ? `${kubernetesVersion}+eve-${plain(device.swList[0]?.shortVersion ?? "unknown")}`
          : `${kubernetesVersion}+selvedge-${plain(report.engineVersion)}`,
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: architectureOf(device, report),
    },
    images: (report?.images ?? [])
      .slice(0, imagesMax)
      .map(({ names, sizeBytes }) => ({ names, sizeBytes: Number(sizeBytes) })),
  };
}

/** What a device report changes of EdgeNode.status. */
export function edgeNodeStatusOf(
  before: EdgeNodeStatus,
  nodeName: string,
  device: info.ZInfoDevice,
  now: Instant,
): EdgeNodeStatus {
  const report = nodeReportOf(device);
  const status: EdgeNodeStatus = { ...before, addresses: addressesOf(nodeName, device, report) };
  const serial = device.minfo?.serialNumber;
  if (serial && status.serial === undefined) status.serial = serial;
  if (report === undefined) return status;
  const conditions = cloneJson(before.conditions ?? []);
  status.conditions = conditions;
  status.engineVersion = report.engineVersion;
  if (report.identityStore === "tpm" || report.identityStore === "file") {
    status.identityStore = report.identityStore;
    status.softwareKeys = report.identityStore === "file";
    setCondition(conditions, identityCondition(report.identityStore), now);
  }
  status.configHash = { ...before.configHash, applied: report.configHash };
  const { configError } = report;
  const rendered = before.configHash?.rendered;
  if (
    configError !== undefined &&
    configError.message !== "" &&
    configError.configHash !== report.configHash
  ) {
    const { field, message } = configError;
    const since = timeOfNode(configError.at);
    status.configError = {
      ...(field && { field }),
      message,
      ...(since !== undefined && { at: toRfc3339(since) }),
    };
    const text = field === "" ? message : `${field}: ${message}`;
    setCondition(
      conditions,
      { type: "ConfigAccepted", status: "False", reason: "ConfigRefused", message: text },
      now,
    );
  } else {
    delete status.configError;
    // What was too large to be sent is still not accepted, though the node runs on all it was sent.
    const tooLarge = conditions.some(({ reason }) => reason === configTooLarge);
    if (!tooLarge && report.configHash !== "" && (rendered === undefined || rendered === report.configHash)) {
      setCondition(conditions, { type: "ConfigAccepted", status: "True", reason: "Applied" }, now);
    }
  }
  setCondition(conditions, virtualizationCondition(report.hardwareVirtualization), now);
  return status;
}

const architectures: ReadonlyMap<string, string> = new Map([
  ["x86_64", "amd64"],
  ["aarch64", "arm64"],
]);

export function architectureOf(device: info.ZInfoDevice, report: ext.NodeReport | undefined): string {
  const said = report?.architecture || device.machineArch;
  // It becomes a label of the Node, and not everything can.
  return architectures.get(said) ?? (/^[a-z0-9][a-z0-9_-]{0,30}[a-z0-9]$/.test(said) ? said : "unknown");
}

function identityCondition(store: "tpm" | "file"): ConditionSays {
  return store === "tpm"
    ? { type: "HardwareIdentity", status: "True", reason: "TPM", message: "the node's keys are in its TPM" }
    : {
        type: "HardwareIdentity",
        status: "False",
        reason: "SoftwareKeys",
        message: "the node has no TPM: whoever copies its disk is the node",
      };
}

function virtualizationCondition(hardware: boolean): ConditionSays {
  return hardware
    ? { type: "HardwareVirtualization", status: "True", reason: "KVM" }
    : {
        type: "HardwareVirtualization",
        status: "False",
        reason: "Emulated",
        message: "the node has no KVM: apps run in emulated machines, several times slower",
      };
}

function pressures(report: ext.NodeReport | undefined): ConditionSays[] {
  const calm: ConditionSays[] = [
    {
      ...{ type: "MemoryPressure", status: "False", reason: "SufficientMemory" },
      message: "the node has sufficient memory available",
    },
    {
      ...{ type: "DiskPressure", status: "False", reason: "NoDiskPressure" },
      message: "the node has no disk pressure",
    },
    {
      ...{ type: "PIDPressure", status: "False", reason: "SufficientPID" },
      message: "the node has sufficient process IDs available",
    },
  ];
  const said = saidConditions(report?.conditions ?? [], isReady).map(
    ({ at: _at, ...says }): ConditionSays => says,
  );
  return [...calm.filter(({ type }) => !said.some((one) => one.type === type)), ...said];
}

/** Whether the node lives is not for it to say. */
function isReady(type: string): boolean {
  return type === "Ready";
}

function heartbeat(conditions: NodeCondition[], now: Instant): void {
  for (const condition of conditions) condition.lastHeartbeatTime = toRfc3339(now);
}

function amounts(cpu: bigint, memory: bigint, storage: bigint, pods: string): Record<string, string> {
  return {
    cpu: cpu % 1000n === 0n ? String(cpu / 1000n) : `${cpu}m`,
    memory: `${memory / 1024n}Ki`,
    "ephemeral-storage": `${storage / 1024n}Ki`,
    pods,
  };
}

/** What somebody else says that the node has a number of stays: it can all be had. */
function countedByOthers(capacity: NodeStatus["capacity"] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(capacity).filter(([name]) => isCountedByOthers(name)));
}

function addressesOf(
  nodeName: string,
  device: info.ZInfoDevice,
  report: ext.NodeReport | undefined,
): NodeAddress[] {
  const uplinks = device.network.filter(({ uplink }) => uplink).flatMap(({ IPAddrs }) => IPAddrs);
  const internal = report?.internalIp || uplinks.find((address) => /^\d+\./.test(address))?.split("/")[0];
  const host: NodeAddress = { type: "Hostname", address: device.HostName || nodeName };
  return internal ? [{ type: "InternalIP", address: internal }, host] : [host];
}

function bootIdOf({ bootTime, restartCounter }: info.ZInfoDevice): string {
  const at = timestampOfNode(bootTime);
  return at === undefined ? `restart-${restartCounter}` : new Date(at).toISOString();
}

/** As semantic versions allow it after the plus sign. */
function plain(version: string): string {
  return version.replaceAll(/[^0-9A-Za-z.-]/g, "-");
}
