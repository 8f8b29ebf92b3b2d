/** The parts of ZInfoDevice about the node's life, its makers and its parts. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { devmodelCommon, info, infoCommon } from "@selvedge/eve-api";
import type { DesiredState, NodeNames } from "../../desired.ts";
import type { Adapter, BlockDevice, Hardware } from "../../hardware/hardware.ts";
import type { BootReason, NodeRecord } from "../../operator/node-record.ts";
import type { NodePhase, Trouble } from "../../operator/operator.ts";

/** Parts to make the message of, not the message itself. */
type DeviceInit = Extract<MessageInitShape<typeof info.ZInfoDeviceSchema>, { $typeName?: never }>;

/** A node's operators and its way up and down. */
export interface NodeLife {
  readonly record: NodeRecord;
  readonly phase: NodePhase;
  readonly troubles: readonly Trouble[];
  readonly profile: string;
}

const mib = 2 ** 20;
const { BootReason: Boot, ZDeviceState: State, MaintenanceModeReason: Reason } = info;

const bootReasons: Readonly<Record<BootReason, info.BootReason>> = {
  first: Boot.FIRST,
  command: Boot.REBOOT_CMD,
  disconnect: Boot.DISCONNECT,
  kernel: Boot.KERNEL,
  watchdog: Boot.WATCHDOG_HUNG,
  powerOff: Boot.POWEROFF_CMD,
  unknown: Boot.UNKNOWN,
};

const deviceStates: Readonly<Record<NodePhase, info.ZDeviceState>> = {
  online: State.ZDEVICE_STATE_ONLINE,
  rebooting: State.ZDEVICE_STATE_REBOOTING,
  preparingPowerOff: State.ZDEVICE_STATE_PREPARING_POWEROFF,
  preparedPowerOff: State.ZDEVICE_STATE_PREPARED_POWEROFF,
  poweringOff: State.ZDEVICE_STATE_POWERING_OFF,
};

export const maintenanceReasons: Readonly<Record<Trouble, info.MaintenanceModeReason>> = {
  userRequested: Reason.USER_REQUESTED,
  lowDisk: Reason.LOW_DISK_SPACE,
  quoteFailed: Reason.TPM_QUOTE_FAILURE,
  certsRefused: Reason.EDGE_NODE_CERTS_REFUSED,
  vaultLocked: Reason.VAULT_LOCKED_UP,
};

export const bootReasonOf = (reason: BootReason | undefined): info.BootReason =>
  reason === undefined ? Boot.UNSPECIFIED : bootReasons[reason];

export function deviceState({ phase, troubles }: NodeLife): info.ZDeviceState {
  return phase === "online" && troubles.length > 0
    ? State.ZDEVICE_STATE_MAINTENANCE_MODE
    : deviceStates[phase];
}

/** Where the node is in its life. */
export function lifePart(life: NodeLife): DeviceInit {
  const { record, phase, troubles, profile } = life;
  const { last } = record;
  return {
    state: deviceState(life),
    restartCounter: record.boots,
    rebootConfigCounter: record.rebootCounter ?? 0,
    shutdownConfigCounter: record.shutdownCounter ?? 0,
    rebootInprogress: phase === "rebooting",
    lastBootReason: bootReasonOf(last?.boot),
    lastRebootReason: last?.reason ?? "",
    lastRebootStack: last?.stack ?? "",
    ...(last === undefined ? {} : { lastRebootTime: timestampFromMs(last.at) }),
    maintenanceMode: troubles.length > 0,
    maintenanceModeReasons: troubles.map((trouble) => maintenanceReasons[trouble]),
    localProfile: profile,
  };
}

/** The configuration's names go before the maker's, as the API has it. */
export function makerPart(
  { product, firmware }: Hardware,
  names: NodeNames | undefined,
  known: { readonly serial: string; readonly node: string },
): DeviceInit {
  return {
    minfo: {
      manufacturer: names?.manufacturer || product.manufacturer,
      productName: names?.product || product.name,
      version: product.version,
      serialNumber: known.serial || product.serial,
      UUID: product.uuid || known.node,
      compatible: product.compatible,
      biosVendor: firmware.vendor,
      biosVersion: firmware.version,
      biosReleaseDate: firmware.date,
    },
    enterpriseName: names?.enterprise ?? "",
    enterpriseId: names?.enterpriseId ?? "",
    projectName: names?.project ?? "",
    projectId: names?.projectId ?? "",
  };
}

export function storagePart(
  disks: readonly Pick<BlockDevice, "name" | "serial" | "sizeBytes">[],
  state: { readonly folder: string; readonly totalBytes: number },
  filesystem: { readonly type: string; readonly disk: string } | undefined,
): DeviceInit {
  return {
    ...(filesystem === undefined ? {} : { storageInfo: [storageOf(filesystem, state.folder, disks)] }),
    storageList: [
      ...disks.map(({ name, sizeBytes }) => ({ device: name, total: BigInt(Math.floor(sizeBytes / mib)) })),
      { mountPath: state.folder, total: BigInt(Math.floor(state.totalBytes / mib)), storageLocation: true },
    ],
  };
}

/** The one file system that all of the node is on: what can be read from it is online. */
function storageOf(
  { type, disk }: { readonly type: string; readonly disk: string },
  poolName: string,
  disks: readonly Pick<BlockDevice, "name" | "serial">[],
): MessageInitShape<typeof info.StorageInfoSchema> {
  const ext4 = info.StorageTypeInfo.EXT4;
  const serial = disks.find(({ name }) => disk.startsWith(`/dev/${name}`))?.serial ?? "";
  return {
    ...{ poolName, storageState: info.StorageStatus.ONLINE },
    storageType: type === "ext4" ? ext4 : info.StorageTypeInfo.UNSPECIFIED,
    disks: [{ diskName: { name: disk, serial }, status: info.StorageStatus.ONLINE, state: type }],
  };
}

/** The adapters of the box; those that lead out are what the controller is reached by. */
export function adaptersPart(adapters: readonly Adapter[]): DeviceInit {
  const uplink = adapters.find(({ routers }) => routers.length > 0);
  return {
    dns: { DNSservers: [...(uplink?.dnsServers ?? [])], DNSdomain: uplink?.dnsDomain ?? "" },
    systemAdapter: {
      currentIndex: 0,
      status: [
        {
          ...{ version: 1, key: "system" },
          ports: adapters.map((adapter) => ({
            ...{ ifname: adapter.name, name: adapter.name, macAddr: adapter.mac, up: adapter.up },
            isMgmt: adapter.routers.length > 0,
            IPAddrs: adapter.addresses.map((address) => address.replace(/\/\d+$/, "")),
            defaultRouters: [...adapter.routers],
            dns: { DNSservers: [...adapter.dnsServers], DNSdomain: adapter.dnsDomain },
            mtu: adapter.mtu,
            usage:
              adapter.routers.length > 0
                ? devmodelCommon.PhyIoMemberUsage.PhyIoUsageMgmtAndApps
                : devmodelCommon.PhyIoMemberUsage.PhyIoUsageShared,
          })),
        },
      ],
    },
  };
}

interface Running {
  readonly version: string;
  readonly longVersion: string;
}

/** The system that runs; another one that the configuration asks for is told as failed. */
export function systemPart({ version, longVersion }: Running, desired: DesiredState | undefined): DeviceInit {
  const running: MessageInitShape<typeof info.ZInfoDevSWSchema> = {
    ...{ activated: true, partitionLabel: "engine", partitionState: "active", shortVersion: version },
    ...{ status: info.ZSwState.INSTALLED, longVersion },
  };
  const wanted = desired?.node?.system;
  if (wanted === undefined || !wanted.activate || wanted.version === version) return { swList: [running] };
  const description = `this engine cannot put ${wanted.version} in its place: it does not update its own system`;
  return {
    baseosUpdateCounter: wanted.retry,
    swList: [
      running,
      {
        ...{ activated: false, partitionLabel: "other", partitionState: "unused" },
        ...{ status: info.ZSwState.ERROR, shortVersion: wanted.version, longVersion: wanted.version },
        ...{ userStatus: info.BaseOsStatus.FAILED, subStatusStr: description },
        swErr: { description, severity: infoCommon.Severity.ERROR },
      },
    ],
  };
}
