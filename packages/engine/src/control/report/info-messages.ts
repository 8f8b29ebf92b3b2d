/** What the node tells about each thing it has, in EVE's words with ours beside them. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ext, info, infoCommon, setExtension } from "@selvedge/eve-api";
import { type AppId, type AppSpec, neededVolumes } from "../../desired.ts";
import type { AppSnapshot, AppStatus, DeviceStatus, NicStatus } from "../../observed.ts";
import { unreadable } from "../../unread.ts";
import { bundlesPart } from "./device-bundles.ts";
import { errorInfo, type Faulty, retryOf } from "./error-info.ts";
import { plugInfos } from "./plug-info.ts";

const { ZInfoTypes, ZSwState } = info;
const { Severity } = infoCommon;

/** A ZInfoMsg without its time, which is not part of what is told. */
export type InfoMessage = info.ZInfoMsg;

export function infoMessage(
  node: string,
  ztype: info.ZInfoTypes,
  content: MessageInitShape<typeof info.ZInfoMsgSchema>["InfoContent"],
): InfoMessage {
  return create(info.ZInfoMsgSchema, { ztype, devId: node, ...(content ? { InfoContent: content } : {}) });
}

export const appStates: Readonly<Record<AppStatus["state"], info.ZSwState>> = {
  init: ZSwState.INITIAL,
  downloading: ZSwState.DOWNLOAD_STARTED,
  delayed: ZSwState.START_DELAYED,
  booting: ZSwState.BOOTING,
  running: ZSwState.RUNNING,
  halting: ZSwState.HALTING,
  halted: ZSwState.HALTED,
  error: ZSwState.ERROR,
};

export function appInfo(
  node: string,
  status: AppStatus,
  spec: AppSpec | undefined,
  nics: readonly NicStatus[],
  devices: readonly (readonly [group: string, DeviceStatus])[] = [],
): InfoMessage {
  const { report } = status;
  const own = devices.filter(([, row]) => row.phase === "lent" && row.appId === status.id);
  const failed = status.state === "error" || report.phase === "Failed";
  const why = failed ? [report.message || report.reason || "the app failed"] : hindrances(report);
  // A container is started again, and its image fetched again; an app that is over stays so.
  const retry = status.state === "error" || !failed ? retryOf(report.reason) : "";
  const about: Faulty = ["APP_INSTANCE", status.id, status.displayName];
  const value = create(info.ZInfoAppSchema, {
    AppID: status.id,
    appVersion: report.observedVersion,
    AppName: status.displayName,
    state: appStates[status.state],
    network: plugInfos(nics),
    // What is lent is no card of the box's Linux, so there is none to look up an address of.
    assignedAdapters: bundlesPart(own, []).assignableAdapters,
    appErr: [
      ...why.map((description) => errorInfo(description, about, retry)),
      // What is not done of a configuration, another one can ask for otherwise.
      ...status.errors.map((description) => errorInfo(description, about, retryOf(unreadable))),
    ],
    ...(report.startedAt > 0n ? { bootTime: timestampFromMs(Number(report.startedAt)) } : {}),
    snapshots: (status.snapshots ?? []).flatMap((it) => snapshotInfo(status.id, it)),
    volumeRefs: volumesOf(status, spec),
  });
  setExtension(value, ext.AppReportSchema, report);
  return infoMessage(node, ZInfoTypes.ZiApp, { case: "ainfo", value });
}

/** What it runs on, which is not what is asked for once it went back to a snapshot; else what it is to run on. */
function volumesOf({ open = [] }: AppStatus, spec: AppSpec | undefined): string[] {
  if (open.length > 0) return open.map((key) => key.split("#")[0] ?? "");
  return spec === undefined ? [] : neededVolumes(spec).map(({ volumeId }) => volumeId);
}

const snapshotTypes: Readonly<Record<AppSnapshot["kind"], info.SnapshotType>> = {
  update: info.SnapshotType.APP_UPDATE,
  now: info.SnapshotType.IMMEDIATE,
  unknown: info.SnapshotType.UNSPECIFIED,
};

/** One that is still to be taken is not told of, as EVE does. */
function snapshotInfo(configId: AppId, it: AppSnapshot): MessageInitShape<typeof info.ZInfoSnapshotSchema>[] {
  if (it.state === "due") return [];
  const about = { id: it.id, type: snapshotTypes[it.kind] };
  if (it.state === "failed")
    return [{ ...about, snapErr: { description: it.message, severity: Severity.ERROR } }];
  return [{ ...about, configId, configVersion: it.version, createTime: timestampFromMs(it.at) }];
}

/** What every container waits for once is no fault. */
const usualWaits: ReadonlySet<string> = new Set([
  ...["", "ContainerCreating", "PodInitializing"],
  ...["TakingSnapshot", "RollingBack"],
]);

/** Why containers of an app do not run that should. */
function hindrances({ initContainers, containers }: ext.AppReport): string[] {
  return [...initContainers, ...containers].flatMap(({ name, state }) => {
    if (state?.state.case !== "waiting") return [];
    const { reason, message } = state.state.value;
    return usualWaits.has(reason) ? [] : [`${name}: ${message || reason}`];
  });
}

/** An object that is gone is told with its id and nothing else. */
export function appGone(node: string, id: AppId): InfoMessage {
  return infoMessage(node, ZInfoTypes.ZiApp, {
    case: "ainfo",
    value: create(info.ZInfoAppSchema, { AppID: id }),
  });
}
