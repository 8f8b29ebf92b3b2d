/** What a device of EVE reports, in all its kinds. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Instant } from "@selvedge/base";
import {
  type app,
  type config,
  flowlog,
  hardwareHealth,
  info,
  metrics,
  type storage,
} from "@selvedge/eve-api";

const { ZInfoTypes: Type, ZSwState: State } = info;

export interface DeviceFacts {
  readonly id: string;
  readonly now: Instant;
  readonly bootedAt: Instant;
  readonly boots: number;
  readonly version: string;
  readonly attested: boolean;
  /** Milliseconds since it was switched on. */
  readonly upFor: number;
  /** False once it was told that nobody knows it. */
  readonly known: boolean;
  readonly items: readonly { readonly key: string; readonly value: string }[];
  readonly apps: readonly string[];
}

type Content = MessageInitShape<typeof info.ZInfoMsgSchema>["InfoContent"];

export function infoMessage(ztype: info.ZInfoTypes, { id, now }: DeviceFacts, content: Content): Uint8Array {
  const message = create(info.ZInfoMsgSchema, {
    ...{ ztype, devId: id, atTimeStamp: timestampFromMs(now), InfoContent: content as never },
  });
  return toBinary(info.ZInfoMsgSchema, message);
}

export function deviceInfo(facts: DeviceFacts): Uint8Array {
  const { version, attested } = facts;
  const running = {
    ...{ activated: true, partitionLabel: "IMGA", partitionState: "active", shortVersion: version },
    status: State.INSTALLED,
  };
  const other = { activated: false, partitionLabel: "IMGB", partitionState: "unused", shortVersion: "" };
  const value = create(info.ZInfoDeviceSchema, {
    ...{ machineArch: "x86_64", ncpu: 4, memory: 8192n, storage: 65_536n, HostName: facts.id },
    minfo: { manufacturer: "ACME", productName: "Box", serialNumber: "S-1", biosVersion: "1.0" },
    network: [
      { devName: "eth0", localName: "eth0", IPAddrs: ["198.51.100.7/24"], uplink: true, ipv4Up: true },
    ],
    bootTime: timestampFromMs(facts.bootedAt),
    swList: [running, other],
    restartCounter: facts.boots,
    lastRebootReason: "power on",
    systemAdapter: { currentIndex: 0, status: [{ version: 1, key: "zedagent", ports: [] }] },
    configItemStatus: {
      configItems: Object.fromEntries(facts.items.map(({ key, value }) => [key, { value }])),
      unknownConfigItems: {},
    },
    appInstances: facts.apps.map((uuid) => ({ uuid })),
    state: info.ZDeviceState.ZDEVICE_STATE_ONLINE,
    HSMStatus: info.HwSecurityModuleStatus.ENABLED,
    dataSecAtRestInfo: { status: info.DataSecAtRestStatus.DATASEC_AT_REST_ENABLED },
    attestationInfo: {
      state: attested ? info.AttestationState.COMPLETE : info.AttestationState.NONCE_WAIT,
    },
  });
  return infoMessage(Type.ZiDevice, facts, { case: "dinfo", value });
}

/** Undefined as state says that the app is gone: nothing but its name is sent. */
export function appInfo(
  facts: DeviceFacts,
  { uuidandversion, displayname }: Pick<app.AppInstanceConfig, "uuidandversion" | "displayname">,
  state: info.ZSwState | undefined,
): Uint8Array {
  const AppID = uuidandversion?.uuid ?? "";
  const value = create(info.ZInfoAppSchema, {
    AppID,
    ...(state !== undefined && {
      ...{ state, AppName: displayname, appVersion: uuidandversion?.version ?? "" },
      ...(state === State.RUNNING && {
        bootTime: timestampFromMs(facts.now),
        network: [{ devName: "nbu1x1", IPAddrs: ["10.77.0.12"], ipv4Up: true }],
      }),
    }),
  });
  return infoMessage(Type.ZiApp, facts, { case: "ainfo", value });
}

export function contentInfo(
  facts: DeviceFacts,
  content: storage.ContentTree,
  state: info.ZSwState,
): Uint8Array {
  const { uuid, displayName, sha256 } = content;
  const progressPercentage = state === State.LOADED ? 100 : 40;
  const value = create(info.ZInfoContentTreeSchema, { uuid, displayName, sha256, state, progressPercentage });
  return infoMessage(Type.ZiContentTree, facts, { case: "cinfo", value });
}

export function volumeInfo(facts: DeviceFacts, volume: storage.Volume, state: info.ZSwState): Uint8Array {
  const { uuid, displayName, generationCount } = volume;
  const value = create(info.ZInfoVolumeSchema, { uuid, displayName, generationCount, state });
  return infoMessage(Type.ZiVolume, facts, { case: "vinfo", value });
}

export function networkInfo(
  facts: DeviceFacts,
  { uuidandversion, displayname }: config.EdgeDevConfig["networkInstances"][number],
): Uint8Array {
  const value = create(info.ZInfoNetworkInstanceSchema, {
    ...{ networkID: uuidandversion?.uuid ?? "", displayname, activated: true, instType: 2 },
    state: info.ZNetworkInstanceState.ZNETINST_STATE_ONLINE,
  });
  return infoMessage(Type.ZiNetworkInstance, facts, { case: "niinfo", value });
}

/** What a device says besides, of itself and of what it has: each kind once, by the key it queues under. */
export function otherInfos(facts: DeviceFacts): ReadonlyMap<string, Uint8Array> {
  const at = timestampFromMs(facts.now);
  const one = (ztype: info.ZInfoTypes, content: Content): Uint8Array => infoMessage(ztype, facts, content);
  return new Map([
    ["blob/1", one(Type.ZiBlobList, { case: "binfo", value: { blob: [{ sha256: "ab".repeat(32) }] } })],
    ["hardware", one(Type.ZiHardware, { case: "hwinfo", value: {} })],
    ["edgeview", one(Type.ZiEdgeview, { case: "evinfo", value: { countDev: 1 } })],
    ["ntp", one(Type.ZiNTPSources, { case: "ntpSources", value: { sources: [{ hostname: "ntp.test" }] } })],
    [
      "location",
      one(Type.ZiLocation, { case: "locinfo", value: { latitude: 48.1, longitude: 11.5, utcTimestamp: at } }),
    ],
    ["patch/1", one(Type.ZiPatchEnvelope, { case: "patchInfo", value: { id: facts.id, name: "p" } })],
    ["cluster", one(Type.ZiKubeCluster, { case: "clusterInfo", value: {} })],
    ["cluster-update", one(Type.ZiKubeClusterUpdateStatus, { case: "clusterUpdateInfo", value: {} })],
    ["metadata/1", one(Type.ZiAppInstMetaData, { case: "amdinfo", value: { uuid: facts.id, type: 1 } })],
  ]);
}

export function metricsMessage(facts: DeviceFacts): Uint8Array {
  const message = create(metrics.ZMetricMsgSchema, {
    devID: facts.id,
    atTimeStamp: timestampFromMs(facts.now),
    MetricContent: {
      case: "dm",
      value: {
        memory: { usedMem: 512, availMem: 7680, usedPercentage: 6 },
        cpuMetric: { total: BigInt(facts.upFor) * 1_000_000n },
        dormantTimeInSeconds: 180n,
      },
    },
    am: facts.apps.map((AppID) => ({ AppID, memory: { usedMem: 64, availMem: 64 } })),
  });
  return toBinary(metrics.ZMetricMsgSchema, message);
}

export function flowMessage(facts: DeviceFacts, appId: string): Uint8Array {
  const message = create(flowlog.FlowMessageSchema, {
    devId: facts.id,
    scope: { uuid: appId, intf: "nbu1x1" },
    flows: [{ flow: { src: "10.77.0.12", dest: "192.0.2.1", destPort: 443, protocol: 6 }, txBytes: 1000n }],
  });
  return toBinary(flowlog.FlowMessageSchema, message);
}

export function healthMessage(facts: DeviceFacts): Uint8Array {
  const message = create(hardwareHealth.ZHardwareHealthSchema, {
    ...{ devId: facts.id, atTimeStamp: timestampFromMs(facts.now) },
  });
  return toBinary(hardwareHealth.ZHardwareHealthSchema, message);
}
