import type { Confinement, Hypervisor } from "../../app/hypervisor.ts";
import type { Disk } from "../../host/disk.ts";
import type { KeyStore } from "../../identity/key-store.ts";
import type { Operator } from "../../operator/operator.ts";
import type { NodeCondition } from "./device-info.ts";

/** Kubelet's line: an image more may not fit below it. */
const pressureBelow = 0.1;
/**
 * Once under pressure, a node is not well again before this much is free, so that it does not flap at the
 * line.
 */
const calmAbove = 0.15;

type Says = Omit<NodeCondition, "since">;

/** What the node says of itself that a controller cannot see from its other reports. */
export class NodeConditions {
  readonly #keys: KeyStore;
  readonly #disk: Disk;
  readonly #hypervisor: Hypervisor | undefined;
  readonly #operator: Pick<Operator, "fault" | "troubles">;
  #underPressure = false;

  constructor(parts: {
    keys: KeyStore;
    disk: Disk;
    hypervisor: Hypervisor | undefined;
    operator: Pick<Operator, "fault" | "troubles">;
  }) {
    this.#keys = parts.keys;
    this.#disk = parts.disk;
    this.#hypervisor = parts.hypervisor;
    this.#operator = parts.operator;
  }

  /** `logFault`: why what the firmware measured cannot be shown; empty when it can, or nobody wrote it down. */
  async read(logFault: string): Promise<readonly Says[]> {
    const { bytes, totalBytes } = await this.#disk.free();
    const free = bytes / totalBytes;
    this.#underPressure = free < (this.#underPressure ? calmAbove : pressureBelow);
    return [
      identity(this.#keys),
      virtualization(this.#hypervisor),
      ...(this.#hypervisor === undefined ? [] : [confinement(await this.#hypervisor.confinement())]),
      diskPressure(this.#underPressure),
      ...operations(this.#operator),
      ...(logFault === "" ? [] : [firmwareLog(logFault)]),
    ];
  }
}

/** Told only where there is something to tell. */
function operations({ fault, troubles }: Pick<Operator, "fault" | "troubles">): Says[] {
  const commands: Says[] =
    fault === "" ? [] : [{ type: "CommandRefused", status: "True", reason: "NoPower", message: fault }];
  if (troubles.length === 0) return commands;
  const message = "nothing is started or changed on the node; what runs goes on";
  return [...commands, { type: "Maintenance", status: "True", reason: capital(troubles[0] ?? ""), message }];
}

/** Told only where there is something to tell. */
function firmwareLog(fault: string): Says {
  const message = `${fault}; quotes go without it, and nobody can say what a register stands for`;
  return { type: "FirmwareLog", status: "False", reason: "Unreadable", message };
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

function identity({ kind, place }: KeyStore): Says {
  return kind === "tpm"
    ? {
        type: "HardwareIdentity",
        status: "True",
        reason: "TPM",
        message: `the node's keys are in the ${place}`,
      }
    : {
        type: "HardwareIdentity",
        status: "False",
        reason: "SoftwareKeys",
        message: `the node has no TPM: its keys are in the ${place}, and whoever copies its disk is the node`,
      };
}

function virtualization(hypervisor: Hypervisor | undefined): Says {
  const type = "HardwareVirtualization";
  if (hypervisor === undefined)
    return {
      type,
      status: "False",
      reason: "NoHypervisor",
      message: "the node cannot run machines, so it runs no apps",
    };
  return hypervisor.emulated
    ? {
        ...{ type, status: "False", reason: "Emulated" },
        message: "the node has no KVM: apps run in emulated machines, several times slower",
      }
    : { type, status: "True", reason: "KVM", message: "apps run on the processor's own virtualization" };
}

function confinement({ limits, unprivileged }: Confinement): Says {
  const type = "AppConfinement";
  if (!unprivileged)
    return {
      ...{ type, status: "False", reason: "SharedUser" },
      message: "the engine does not run as root: all machines run as its own user, and may use what it may",
    };
  return limits
    ? {
        ...{ type, status: "True", reason: "Confined" },
        message: "each machine has a user, limits of memory and processor, and a filter of system calls",
      }
    : {
        ...{ type, status: "False", reason: "NoControlGroups" },
        message: "the box offers no control groups: a machine that misbehaves can take the others' memory",
      };
}

function diskPressure(under: boolean): Says {
  return under
    ? {
        type: "DiskPressure",
        status: "True",
        reason: "DiskAlmostFull",
        message: "less than a tenth of the disk is free",
      }
    : {
        type: "DiskPressure",
        status: "False",
        reason: "NoDiskPressure",
        message: "the node has no disk pressure",
      };
}
