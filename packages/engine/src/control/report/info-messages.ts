/** What the node tells about each thing it has, in EVE's words with ours beside them. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ext, info, infoCommon, setExtension } from "@selvedge/eve-api";
import type { AppId, AppSpec, ContentId, ContentSpec, VolumeSpec } from "../../desired.ts";
import type { AppStatus, ContentStatus, NicStatus } from "../../observed.ts";
import { plugInfos } from "./network-info.ts";

const { ZInfoTypes, ZSwState } = info;
const { Entity, Severity } = infoCommon;

/** A ZInfoMsg without its time, which is not part of what is told. */
export type InfoMessage = info.ZInfoMsg;

export function infoMessage(
  node: string,
  ztype: info.ZInfoTypes,
  content: MessageInitShape<typeof info.ZInfoMsgSchema>["InfoContent"],
): InfoMessage {
  return create(info.ZInfoMsgSchema, { ztype, devId: node, ...(content ? { InfoContent: content } : {}) });
}

const appStates: Readonly<Record<AppStatus["state"], info.ZSwState>> = {
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
): InfoMessage {
  const { report } = status;
  const failed = status.state === "error" || report.phase === "Failed";
  const errors = failed ? [report.message || report.reason || "the app failed"] : hindrances(report);
  const value = create(info.ZInfoAppSchema, {
    AppID: status.id,
    appVersion: report.observedVersion,
    AppName: status.displayName,
    state: appStates[status.state],
    network: plugInfos(nics),
    appErr: errors.map((description) => ({
      description,
      severity: Severity.ERROR,
      entities: [{ entity: Entity.APP_INSTANCE, entityId: status.id, entityName: status.displayName }],
    })),
    ...(report.startedAt > 0n ? { bootTime: timestampFromMs(Number(report.startedAt)) } : {}),
    volumeRefs:
      spec?.pod.volumes.flatMap(({ source }) =>
        source.case === "nodeVolume" ? [source.value.volumeId] : [],
      ) ?? [],
  });
  setExtension(value, ext.AppReportSchema, report);
  return infoMessage(node, ZInfoTypes.ZiApp, { case: "ainfo", value });
}

/** What every container waits for once is no fault. */
const usualWaits: ReadonlySet<string> = new Set(["", "ContainerCreating", "PodInitializing"]);

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

interface ContentProgress {
  readonly state: info.ZSwState;
  readonly percent: number;
  readonly error: string;
}

/** Steps of a download worth a message: finer ones would be traffic for nobody. */
const percentStep = 10;

function progressOf(status: ContentStatus | undefined): ContentProgress {
  switch (status?.phase) {
    case undefined:
    case "waiting":
      return { state: ZSwState.INITIAL, percent: 0, error: "" };
    case "resolving":
      return { state: ZSwState.RESOLVING_TAG, percent: 0, error: "" };
    case "downloading": {
      const part = status.total > 0 ? (status.bytes / status.total) * 100 : 0;
      const percent = Math.floor(part / percentStep) * percentStep;
      return { state: ZSwState.DOWNLOAD_STARTED, percent, error: "" };
    }
    case "building":
      return { state: ZSwState.LOADING, percent: 100, error: "" };
    case "ready":
      return { state: ZSwState.LOADED, percent: 100, error: "" };
    case "failed":
      return { state: ZSwState.ERROR, percent: 0, error: `${status.reason}: ${status.message}` };
  }
}

export function contentInfo(node: string, spec: ContentSpec, status: ContentStatus | undefined): InfoMessage {
  const { state, percent, error } = progressOf(status);
  const value = create(info.ZInfoContentTreeSchema, {
    uuid: spec.id,
    displayName: spec.url,
    sha256: status?.phase === "ready" ? status.digest.replace(/^sha256:/, "") : spec.sha256,
    // EVE reports content that is ready as delivered.
    state: state === ZSwState.LOADED ? ZSwState.DELIVERED : state,
    progressPercentage: percent,
    ...(status?.phase === "ready" ? { resources: { curSizeBytes: BigInt(status.sizeBytes) } } : {}),
    ...(error === "" ? {} : { err: { description: error, severity: Severity.ERROR } }),
  });
  return infoMessage(node, ZInfoTypes.ZiContentTree, { case: "cinfo", value });
}

export function contentGone(node: string, id: ContentId): InfoMessage {
  const value = create(info.ZInfoContentTreeSchema, { uuid: id });
  return infoMessage(node, ZInfoTypes.ZiContentTree, { case: "cinfo", value });
}

export function volumeInfo(node: string, spec: VolumeSpec, content: ContentStatus | undefined): InfoMessage {
  const { state, percent, error } = progressOf(content);
  const blank = spec.contentId === undefined;
  const value = create(info.ZInfoVolumeSchema, {
    uuid: spec.id,
    generationCount: BigInt(spec.generation),
    resources: {
      maxSizeBytes: BigInt(spec.sizeBytes),
      ...(content?.phase === "ready" ? { curSizeBytes: BigInt(content.sizeBytes) } : {}),
    },
    state: blank || state === ZSwState.LOADED ? ZSwState.CREATED_VOLUME : state,
    progressPercentage: blank ? 100 : percent,
    ...(error === "" ? {} : { volumeErr: { description: error, severity: Severity.ERROR } }),
  });
  return infoMessage(node, ZInfoTypes.ZiVolume, { case: "vinfo", value });
}

export function volumeGone(node: string, id: string): InfoMessage {
  const value = create(info.ZInfoVolumeSchema, { uuid: id });
  return infoMessage(node, ZInfoTypes.ZiVolume, { case: "vinfo", value });
}
