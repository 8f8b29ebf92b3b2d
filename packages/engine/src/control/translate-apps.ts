import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { app as appApi, common, type config, ext, getExtension } from "@selvedge/eve-api";
import type { SnapshotKind } from "../app/snapshot-spec.ts";
import type {
  AppId,
  AppSpec,
  BootOrder,
  ContentSpec,
  ForeignApp,
  NamedVolumeUse,
  NetworkSpec,
  NicSpec,
  VolumeSpec,
} from "../desired.ts";
import type { DeviceGroup } from "../device/device-spec.ts";
import { type Unread, unreadable, unreadText } from "../unread.ts";
import { ConfigFault, isUuid, readEach, refuseBlank, unique } from "./config-fault.ts";
import {
  adaptersFault,
  type Hindrance,
  refuseShared,
  translateForeign,
  volumeInUse,
} from "./translate-foreign.ts";
import { findGroup, functionWishes } from "./translate-functions.ts";
import { translateNics } from "./translate-nics.ts";
import { podVolumesOf } from "./translate-pod-volumes.ts";

export interface AppContext {
  readonly contents: readonly ContentSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly networks: readonly NetworkSpec[];
  readonly nodeId: string;
  readonly devices: readonly DeviceGroup[];
}

const usbOrders: Readonly<Record<number, BootOrder["usb"]>> = {
  [common.BootOrder.USB]: "first",
  [common.BootOrder.NOUSB]: "last",
};

const kib = 1024;
/** What QEMU takes, and more than any box we know has. */
const vcpusMax = 256;
/** Below this no guest of ours starts. */
const memoryMin = 16 * kib * kib;

export function translateApps(
  { apps }: config.EdgeDevConfig,
  context: AppContext,
  before?: readonly AppSpec[],
): AppSpec[] {
  const list = readEach<appApi.AppInstanceConfig, AppSpec>({
    ...{ field: "apps", idField: "uuidandversion.uuid", items: apps, before },
    idOf,
    isOurs: ({ designatedNodeId: node }) => node === "" || node.toLowerCase() === context.nodeId,
    read: (item, field) => translateApp(item, field, context),
    kept: keptApp,
    blank: (item, _id, unread) => blankApp(item, unread),
  });
  return refuseShared(list);
}

function idOf({ uuidandversion }: appApi.AppInstanceConfig): string {
  return uuidandversion?.uuid.toLowerCase() ?? "";
}

/** It is switched on and off all the same; who else has its volumes is found out anew. */
function keptApp({ hindrance, ...before }: AppSpec, { activate: active }: appApi.AppInstanceConfig): AppSpec {
  const [own = ""] = before.revision.split(" ");
  const revision = active === before.active ? before.revision : `${own} ${active ? "on" : "off"}`;
  const waits = hindrance !== undefined && hindrance.reason !== volumeInUse;
  return { ...before, active, revision, ...(waits ? { hindrance } : {}) };
}

/** What can be known of an app that cannot be read: that it waits. */
function blankApp(item: appApi.AppInstanceConfig, unread: Unread): AppSpec {
  const spec = {
    ...namedApp(item),
    ...{ vcpus: 1, memoryBytes: 0, nics: [], foreign: undefined, unread },
    pod: create(ext.AppExtensionSchema, {
      ...{ name: item.displayname || idOf(item), containers: [{ name: "main" }] },
      ...{ restartPolicy: ext.RestartPolicy.ALWAYS, isolation: ext.Isolation.MICROVM },
      emulation: ext.EmulationPolicy.ALLOW,
    }),
    hindrance: { reason: unreadable, message: unreadText(unread) },
  };
  return { ...spec, revision: revisionOf(spec), ...snapshotsOf(item) };
}

function namedApp(
  item: appApi.AppInstanceConfig,
): Pick<AppSpec, "id" | "version" | "displayName" | "active" | "restartCounter" | "purgeCounter"> {
  return {
    id: idOf(item) as AppId,
    version: item.uuidandversion?.version ?? "",
    displayName: item.displayname || idOf(item),
    active: item.activate,
    restartCounter: item.restart?.counter ?? 0,
    purgeCounter: item.purge?.counter ?? 0,
  };
}

function translateApp(item: appApi.AppInstanceConfig, field: string, context: AppContext): AppSpec {
  const { fixedresources } = item;
  if (fixedresources === undefined) throw new ConfigFault(`${field}.fixedresources`, "is missing");
  const memoryBytes = fixedresources.memory * kib;
  if (memoryBytes < memoryMin)
    throw new ConfigFault(
      `${field}.fixedresources.memory`,
      `${fixedresources.memory} KiB are too few to start a guest`,
    );
  const vcpus = fixedresources.vcpus || 1;
  if (vcpus > vcpusMax)
    throw new ConfigFault(`${field}.fixedresources.vcpus`, `${vcpus} are more than ${vcpusMax}`);
  const { nics, fault } = translateNics(item, `${field}.interfaces`);
  for (const { networkId } of nics) refuseBlank(context.networks.find(({ id }) => id === networkId)?.unread);
  const { pod, foreign, podVolumes, hindrance: own } = podOf(item, field, context);
  const { adapters, hindrance: unlent } = adaptersOf(item, field, context);
  const hindrance = own ?? unlent ?? nicHindrance(field, nics, fault);
  const spec = {
    ...namedApp(item),
    ...(item.profileList.length > 0 ? { profiles: [...item.profileList] } : {}),
    ...(item.startDelayInSeconds > 0 ? { startDelaySeconds: item.startDelayInSeconds } : {}),
    vcpus,
    memoryBytes,
    ...(fixedresources.pinCpu ? { ownProcessors: true as const } : {}),
    ...statsOf(item),
    ...(fixedresources.vmmMaxmem > 0 ? { besideBytes: fixedresources.vmmMaxmem * kib } : {}),
    nics,
    ...bootOrderOf(item),
    ...adapters,
    pod,
    ...(hindrance === undefined ? {} : { hindrance }),
    foreign,
    ...(podVolumes.length > 0 ? { podVolumes } : {}),
  };
  const muted = fixedresources.disableLogs ? { muted: true as const } : {};
  return { ...spec, revision: revisionOf(spec), ...snapshotsOf(item), ...muted };
}

/** By name of the group, however it was named. */
function adaptersOf(
  { adapters }: appApi.AppInstanceConfig,
  field: string,
  { devices }: AppContext,
): { readonly adapters: Pick<AppSpec, "adapters" | "functions">; readonly hindrance?: Hindrance } {
  if (adapters.length === 0) return { adapters: {} };
  const names = adapters.map(({ name }) => findGroup(name, devices)?.name ?? name);
  const functions = functionWishes(adapters, devices);
  if (typeof functions === "string") {
    const hindrance = { reason: "UnsupportedAdapters", message: `${field}.adapters: ${functions}` };
    return { adapters: { adapters: names }, hindrance };
  }
  return {
    adapters: { adapters: names, ...(Object.keys(functions).length === 0 ? {} : { functions }) },
  };
}

const snapshotKinds: Readonly<Record<number, SnapshotKind>> = {
  [appApi.SnapshotType.APP_UPDATE]: "update",
  [appApi.SnapshotType.IMMEDIATE]: "now",
};

function snapshotsOf({ snapshot }: appApi.AppInstanceConfig): Pick<AppSpec, "snapshots"> {
  if (snapshot === undefined) return {};
  const named = snapshot.snapshots.map(({ id, type }) => ({ id, kind: snapshotKinds[type] ?? "unknown" }));
  const { activeSnapshot: target, maxSnapshots: most, rollbackCmd } = snapshot;
  return { snapshots: { named, most, counter: rollbackCmd?.counter ?? 0, target } };
}

function statsOf(item: appApi.AppInstanceConfig): Pick<AppSpec, "statsAddress" | "statsByAgent"> {
  const { collectStatsIPAddr: statsAddress, runtimeType } = item;
  if (isIP(statsAddress) === 0) return {};
  const byAgent = runtimeType === appApi.AppRuntimeType.DOCKER;
  return { statsAddress, ...(byAgent ? { statsByAgent: true } : {}) };
}

function bootOrderOf({ fixedresources }: appApi.AppInstanceConfig): Pick<AppSpec, "bootOrder"> {
  const usb = usbOrders[fixedresources?.bootOrder ?? 0];
  return usb === undefined ? {} : { bootOrder: { usb, by: "controller" } };
}

/** Plugs of an app; more than the driver has names for. */
const nicsMax = 16;

function nicHindrance(
  field: string,
  nics: readonly NicSpec[],
  fault: string | undefined,
): Hindrance | undefined {
  if (fault !== undefined) return { reason: "InvalidInterface", message: fault };
  if (nics.length <= nicsMax) return undefined;
  const message = `${field}.interfaces: has ${nics.length}, this node gives an app ${nicsMax}`;
  return { reason: "UnsupportedInterfaces", message };
}

/** Equal content gives an equal revision, through restarts of the engine as well. */
function revisionOf({ pod, ...spec }: Omit<AppSpec, "revision">): string {
  const sum = createHash("sha256").update(JSON.stringify(spec)).update("\0");
  return sum.update(toBinary(ext.AppExtensionSchema, pod)).digest("hex").slice(0, 32);
}

function getPod(item: appApi.AppInstanceConfig, field: string): ext.AppExtension | undefined {
  try {
    return getExtension(item, ext.AppExtensionSchema);
  } catch (cause) {
    throw new ConfigFault(`${field}.(50001)`, "the app's extension cannot be read", { cause });
  }
}

interface PodParts {
  readonly pod: ext.AppExtension;
  readonly foreign: ForeignApp | undefined;
  readonly podVolumes: readonly NamedVolumeUse[];
  readonly hindrance: Hindrance | undefined;
}

function podOf(item: appApi.AppInstanceConfig, field: string, context: AppContext): PodParts {
  const pod = getPod(item, field);
  if (pod === undefined) return { ...translateForeign(item, field, context), podVolumes: [] };
  const containers = [...pod.initContainers, ...pod.containers];
  if (pod.containers.length === 0) throw new ConfigFault(`${field}.(50001).containers`, "there is none");
  unique(`${field}.(50001).containers`, [...containers, ...pod.ephemeralContainers], ({ name }) => name);
  const known = new Map(context.contents.map((it) => [it.id as string, it]));
  const missing = containers.flatMap(({ name, contentTreeId }): string[] => {
    const at = `${field}.(50001).containers.${name}.content_tree_id`;
    const id = contentTreeId.toLowerCase();
    if (!isUuid(id)) throw new ConfigFault(at, `${JSON.stringify(contentTreeId)} is not a UUID`);
    refuseBlank(known.get(id)?.unread);
    return known.has(id) ? [] : [`${at}: no contentInfo has uuid ${id}`];
  });
  const [first] = missing;
  const { podVolumes, hindrance: unmade } = podVolumesOf(pod, `${field}.(50001)`, context);
  const adapters = adaptersFault(item.adapters, undefined);
  const unlent =
    adapters === undefined
      ? undefined
      : { reason: "UnsupportedAdapters", message: `${field}.adapters: ${adapters}` };
  const hindrance = first === undefined ? (unmade ?? unlent) : { reason: "MissingReference", message: first };
  return { pod, foreign: undefined, podVolumes, hindrance };
}
