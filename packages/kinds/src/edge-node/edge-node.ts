import type { Condition, FieldError, KindDefinition, KubeObject, Schema } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { certificateFault } from "../certificate.ts";
import { ageColumn, column, nameColumn, timeSince } from "../columns.ts";
import { conditionsSchema, labelsSchema, objectOf, textOf, timeOf } from "../edge-schemas.ts";
import { settingFault } from "../eve-settings.ts";
import { Faults, immutable } from "../faults.ts";
import { type MeasuredBoot, measuredBootFaults, measuredBootSchema } from "../measured-boot.ts";
import type { NodeAddress } from "../node.ts";
import { type RemoteAccess, remoteAccessFaults, remoteAccessSchema } from "./access.ts";
import { type OperatorConsole, operatorConsoleFaults, operatorConsoleSchema } from "./console.ts";
import { deviceFaults, devicesSchema, type EdgeNodeDevice } from "./devices.ts";
import { cardNames } from "./links.ts";
import {
  carriedOutSchema,
  commandFaults,
  commandsSchema,
  type EdgeNodeCommands,
  type EdgeNodeSystem,
  systemFaults,
  systemSchema,
} from "./orders.ts";
import {
  type CertificateStatus,
  certificatesStatusSchema,
  type DeviceStatus,
  devicesStatusSchema,
  type PortStatus,
  portsStatusSchema,
} from "./parts.ts";
import { type EdgeNodePort, portFaults, portsSchema } from "./ports.ts";
import { type ScepProfile, scepFaults, scepProfilesSchema } from "./scep.ts";

/** One box: what its owner wants of it, and what it says of itself. */
export interface EdgeNode extends KubeObject {
  apiVersion: "selvedge.dev/v1alpha1";
  kind: "EdgeNode";
  spec: EdgeNodeSpec;
  status?: EdgeNodeStatus;
}

export interface EdgeNodeSpec {
  /**
   * The serial that the box gives when it enrols; unset until it did, when no box was registered
   * beforehand.
   */
  serial?: string;
  /** A human lets a box in that waits. */
  approved?: boolean;
  /** The name of its Node; the EdgeNode's own name when unset. */
  nodeName?: string;
  /** Labels of its Node. */
  labels?: Record<string, string>;
  /** PEM of the certificate of a box that is registered before it is ever seen. */
  deviceCertificate?: string;
  /**
   * False takes the box out of service: its apps stop and it gets an empty configuration. Unset means true.
   */
  activate?: boolean;
  /** EVE configuration items by name: `timer.config.interval: "60"`. */
  settings?: Record<string, string>;
  /** Keys in software prove nothing: a box without a TPM gets no configuration. Unset means false. */
  requireTPM?: boolean;
  /** What the TPM must have measured. Unset: anything, or what the profile that admitted it says. */
  measuredBoot?: MeasuredBoot;
  /** For boxes that run EVE; unset means one card eth0 with DHCP. */
  ports?: EdgeNodePort[];
  /** What of the box apps may have for themselves. */
  devices?: EdgeNodeDevice[];
  scepProfiles?: ScepProfile[];
  remoteAccess?: RemoteAccess;
  /** Unset: nobody stands in for the controller. */
  operatorConsole?: OperatorConsole;
  commands?: EdgeNodeCommands;
  /** Unset: it keeps the system it has. */
  system?: EdgeNodeSystem;
}

export type EdgeNodePhase = "Waiting" | "Enrolled" | "Ready" | "NotReady" | "Deactivated" | "Refused";

export interface EdgeNodeStatus {
  phase?: EdgeNodePhase;
  /** UUID in the EVE API. */
  nodeID?: string;
  serial?: string;
  /** SHA-256 in hexadecimal over the DER form. */
  onboardingCertificateHash?: string;
  deviceCertificateHash?: string;
  /** Name of the EnrollmentProfile that admitted it. */
  profile?: string;
  conditions?: Condition[];
  /** The last authentic request. */
  lastSeen?: string;
  linkConnectedAt?: string;
  configHash?: { rendered?: string; applied?: string };
  /** Why the newest configuration was not accepted; the last good one goes on. */
  configError?: { field?: string; message: string; at?: string };
  engineVersion?: string;
  identityStore?: "tpm" | "file";
  /** The keys are not in hardware: whoever copies the disk is the node. */
  softwareKeys?: boolean;
  addresses?: NodeAddress[];
  hardware?: { manufacturer?: string; product?: string; firmware?: string };
  /** What it runs, and what is in its other slot. */
  system?: {
    version?: string;
    state?: string;
    slot?: string;
    otherVersion?: string;
    otherState?: string;
    error?: string;
  };
  /** What it says it has carried out of spec.commands. */
  commands?: EdgeNodeCommands;
  lastReboot?: { reason?: string; at?: string };
  ports?: PortStatus[];
  devices?: DeviceStatus[];
  certificates?: CertificateStatus[];
  /** In degrees and metres, as texts: they are read, not reckoned with. */
  location?: { latitude: string; longitude: string; altitude?: string };
  /** Requests in this node's name that were not answered, by reason: `signature`, `replay`, `oversize`, … */
  refused?: Record<string, number>;
}

/** More settings than EVE has items, fewer than an attack needs. */
const settingsMax = 256;
/** A certificate with its chain. */
const pemMax = 32_768;

const spec: Schema = objectOf("What is wanted of the box.", {
  serial: textOf("The serial it gives when it enrols. Say it to register a box beforehand.", {
    maxLength: 256,
  }),
  approved: { type: "boolean", description: "Lets a box in that waits for a human." },
  nodeName: textOf("Name of its Node; the EdgeNode's own name when not said. Never changes."),
  labels: { ...labelsSchema, description: "Labels of its Node, for selectors of DaemonSets and Pods." },
  deviceCertificate: textOf("PEM of its device certificate: registers a box before it is ever seen.", {
    maxLength: pemMax,
  }),
  activate: {
    type: "boolean",
    description:
      "False takes the box out of service: its apps stop, until this is true again. True when not said.",
    default: true,
  },
  settings: {
    ...labelsSchema,
    description: "EVE configuration items by name, such as timer.config.interval.",
    maxProperties: settingsMax,
  },
  ports: portsSchema,
  devices: devicesSchema,
  scepProfiles: scepProfilesSchema,
  remoteAccess: remoteAccessSchema,
  operatorConsole: operatorConsoleSchema,
  commands: commandsSchema,
  system: systemSchema,
  measuredBoot: measuredBootSchema,
  requireTPM: {
    type: "boolean",
    description:
      "Gives the box no configuration before its TPM has signed what it runs. When not said, a box without a " +
      "TPM gets one all the same and is shown as not attested; false says that this is well.",
  },
});

const status: Schema = objectOf("What the box says, and what the controller sees of it.", {
  phase: textOf("In a word: Waiting, Enrolled, Ready, NotReady, Deactivated or Refused."),
  nodeID: textOf("Its UUID in the EVE API.", { format: "uuid" }),
  serial: textOf("The serial it gave."),
  onboardingCertificateHash: textOf("SHA-256 of the certificate it enrolled with."),
  deviceCertificateHash: textOf("SHA-256 of its own certificate."),
  profile: textOf("The EnrollmentProfile that admitted it."),
  conditions: conditionsSchema,
  lastSeen: timeOf("When it last sent an authentic request."),
  linkConnectedAt: timeOf("When its link was opened; absent while it has none."),
  configHash: objectOf("Which configuration it has.", {
    rendered: textOf("The newest there is."),
    applied: textOf("The one it runs on."),
  }),
  configError: objectOf(
    "Why it did not accept the newest configuration. The last good one goes on.",
    {
      field: textOf("The field that is wrong."),
      message: textOf("What is wrong with it."),
      at: timeOf("When it said so."),
    },
    ["message"],
  ),
  engineVersion: textOf("Version of its engine."),
  identityStore: textOf("Where its keys are: tpm or file."),
  softwareKeys: {
    type: "boolean",
    description: "True when its keys are not in hardware: whoever copies its disk is the node.",
  },
  addresses: {
    type: "array",
    description: "Its addresses.",
    items: objectOf(
      "An address.",
      { type: textOf("InternalIP, Hostname, …"), address: textOf("The address.") },
      ["type", "address"],
    ),
  },
  hardware: objectOf("What the box is.", {
    manufacturer: textOf("Who made it."),
    product: textOf("What its maker calls it."),
    firmware: textOf("Vendor, version and date of its firmware."),
  }),
  system: objectOf("What it runs.", {
    version: textOf("Version of the system that runs."),
    state: textOf("How the slot is: active, inprogress, unused."),
    slot: textOf("Which slot it runs from."),
    otherVersion: textOf("Version in the other slot."),
    otherState: textOf("How the other slot is."),
    error: textOf("Why an update failed."),
  }),
  commands: carriedOutSchema,
  ports: portsStatusSchema,
  devices: devicesStatusSchema,
  certificates: certificatesStatusSchema,
  lastReboot: objectOf("Why it started the last time.", {
    reason: textOf("What it says."),
    at: timeOf("When."),
  }),
  location: objectOf(
    "Where it is, to ten metres.",
    {
      latitude: textOf("Degrees, north."),
      longitude: textOf("Degrees, east."),
      altitude: textOf("Metres."),
    },
    ["latitude", "longitude"],
  ),
  refused: {
    type: "object",
    description: "How many requests in its name were refused, by reason.",
    additionalProperties: { type: "integer", format: "int64" },
  },
});

const schema: Schema = objectOf("One box: what is wanted of it, and how it is.", { spec, status }, ["spec"]);

export const edgeNodeKind: KindDefinition = {
  group: "selvedge.dev",
  version: "v1alpha1",
  kind: "EdgeNode",
  plural: "edgenodes",
  singular: "edgenode",
  shortNames: ["en"],
  categories: ["selvedge"],
  namespaced: false,
  subresources: {
    status: true,
    others: [{ name: "bootstrap", kind: "EdgeNode", verbs: ["create"] }],
  },
  selectableFields: ["spec.serial", "status.phase", "status.nodeID"],
  custom: true,
  schema,
  // The rules rely on what the schema says.
  validate: (object, old, found = []) =>
    found.length > 0 ? [] : validate(object as EdgeNode, old as EdgeNode | undefined),
  columns: [
    nameColumn,
    column<EdgeNode>(
      "Serial",
      "The serial it gave.",
      ({ spec, status }) => status?.serial ?? spec.serial ?? "",
    ),
    column<EdgeNode>("Status", "How it is, in a word.", ({ status }) => status?.phase ?? "Unseen"),
    column<EdgeNode>("Link", "How long its link has been open.", (node, now) => linkText(node, now)),
    column<EdgeNode>("Last Seen", "When it was last heard; now while its link is open.", seenText),
    ageColumn,
    column<EdgeNode>("Engine", "Version of its engine.", ({ status }) => status?.engineVersion ?? "", 1),
    column<EdgeNode>("Identity", "Where its keys are.", ({ status }) => status?.identityStore ?? "", 1),
    column<EdgeNode>("Config", "Whether it runs on the newest configuration.", configText, 1),
  ],
};

function linkText({ status }: EdgeNode, now: Instant): string {
  return status?.linkConnectedAt === undefined ? "<none>" : timeSince(status.linkConnectedAt, now);
}

/** The time of the last request is stored only now and then; an open link is the node's word at any time. */
function seenText({ status }: EdgeNode, now: Instant): string {
  if (status?.linkConnectedAt !== undefined) return "now";
  return status?.lastSeen === undefined ? "<never>" : timeSince(status.lastSeen, now);
}

function configText({ status }: EdgeNode): string {
  const { rendered, applied } = status?.configHash ?? {};
  if (status?.configError !== undefined) return "Refused";
  if (rendered === undefined) return "";
  return rendered === applied ? "Current" : "Pending";
}

function validate({ spec }: EdgeNode, old: EdgeNode | undefined): FieldError[] {
  const faults = new Faults();
  const before = old?.spec.nodeName;
  if (spec.nodeName !== undefined) faults.subdomain("spec.nodeName", spec.nodeName);
  if (before !== undefined && spec.nodeName !== before)
    faults.invalid("spec.nodeName", spec.nodeName, immutable);
  faults.labels("spec.labels", spec.labels);
  portFaults(spec.ports, spec.scepProfiles, faults);
  deviceFaults(spec.devices, cardNames(spec.ports ?? []), faults);
  scepFaults(spec.scepProfiles, faults);
  remoteAccessFaults(spec.remoteAccess, old?.spec.remoteAccess, faults);
  operatorConsoleFaults(spec.operatorConsole, faults);
  commandFaults(spec.commands, old?.spec.commands, faults);
  systemFaults(spec.system, faults);
  measuredBootFaults("spec.measuredBoot", spec.measuredBoot, faults);
  if (spec.deviceCertificate !== undefined) {
    const fault = certificateFault(spec.deviceCertificate);
    if (fault !== undefined) faults.invalid("spec.deviceCertificate", "<certificate>", fault);
  }
  for (const [name, value] of Object.entries(spec.settings ?? {})) {
    const fault = settingFault(name, value);
    if (fault !== undefined) faults.invalid(`spec.settings[${name}]`, value, fault);
  }
  return faults.errors;
}
