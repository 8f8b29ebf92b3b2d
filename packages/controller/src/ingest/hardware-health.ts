import { fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { hardwareHealth } from "@selvedge/eve-api";
import type { ConditionSays } from "../objects/conditions.ts";
import type { NodeId, Records } from "../ports.ts";

const schema = hardwareHealth.ZHardwareHealthSchema;
const bucket = "hardware-health";
/** A box has a handful of disks with thirty figures each. */
const bytesMax = 256 * 1024;
/** Parts named in one message. */
const namedMax = 5;

/** The last word of each node on its hardware. Nodes say it twice a day, so it is kept over restarts. */
export class HealthBook {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** False when it is too large to keep. */
  take(node: NodeId, message: hardwareHealth.ZHardwareHealth): boolean {
    const bytes = toBinary(schema, message);
    if (bytes.length > bytesMax) return false;
    this.#records.put(bucket, node, bytes);
    return true;
  }

  /** In protobuf's JSON form. */
  of(node: NodeId): unknown {
    const bytes = this.#records.get(bucket, node);
    return bytes === undefined ? undefined : toJson(schema, fromBinary(schema, bytes));
  }

  forget(node: NodeId): void {
    this.#records.delete(bucket, node);
  }
}

/** What the report comes to: EdgeNode.status.conditions[HardwareHealthy]. */
export function healthCondition({ mr, disks }: hardwareHealth.ZHardwareHealth): ConditionSays {
  const failing = disks.flatMap((disk) =>
    disk.smartAttr.filter(isFailing).map((attribute) => `disk ${nameOf(disk)}: ${attribute.attributeName}`),
  );
  const memory = (mr?.memoryControllers ?? []).filter(({ ueCount }) => ueCount > 0n);
  const lost = memory.map(({ controllerName, ueCount }) => `memory ${controllerName}: ${ueCount} errors`);
  const type = "HardwareHealthy";
  if (lost.length > 0) {
    const message = `memory errors that could not be corrected: ${listed([...lost, ...failing])}`;
    return { type, status: "False", reason: "MemoryErrors", message };
  }
  if (failing.length > 0) {
    const message = `disks say that they fail: ${listed(failing)}`;
    return { type, status: "False", reason: "DiskFailing", message };
  }
  const unread = disks.filter(({ collectorErrors }) => collectorErrors !== "").length;
  if (unread > 0 && unread === disks.length) {
    const message = `no disk could be read: ${disks[0]?.collectorErrors.slice(0, 200)}`;
    return { type, status: "Unknown", reason: "NotRead", message };
  }
  return {
    type,
    status: "True",
    reason: "NoFaults",
    message: `${disks.length - unread} disks without faults`,
  };
}

/** SMART: it says so itself, or its value is at the threshold its maker set. */
function isFailing({ whenFailed, value, thresh }: Attribute): boolean {
  const now = /now/i.test(whenFailed);
  return now || (thresh > 0n && value > 0n && value <= thresh);
}

type Attribute = hardwareHealth.ZHardwareHealth["disks"][number]["smartAttr"][number];

function nameOf({ diskName, serialNumber }: { diskName: string; serialNumber: string }): string {
  return `${diskName || serialNumber || "without a name"}`.slice(0, 100);
}

function listed(parts: readonly string[]): string {
  const rest = parts.length - namedMax;
  return parts.slice(0, namedMax).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
