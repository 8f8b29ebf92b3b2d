/** What the node tells about content and volumes, in EVE's words. Pure. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { info } from "@selvedge/eve-api";
import type { ContentId, ContentSpec, DesiredState, VolumeSpec } from "../../desired.ts";
import type { ContentStatus, VolumeStatus } from "../../observed.ts";
import type { Unread } from "../../unread.ts";
import { errorInfo, type Faulty, retryOf, unreadError } from "./error-info.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

const { ZInfoTypes, ZSwState } = info;

interface ContentProgress {
  readonly state: info.ZSwState;
  readonly percent: number;
  readonly error: string;
  /** When it is tried again. */
  readonly retry?: string;
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
      return failed(status);
  }
}

function failed({ reason, message }: { readonly reason: string; readonly message: string }): ContentProgress {
  return { state: ZSwState.ERROR, percent: 0, error: `${reason}: ${message}`, retry: retryOf(reason) };
}

function faultOf(
  { unread }: { readonly unread?: Unread },
  { error, retry = "" }: Pick<ContentProgress, "error" | "retry">,
  about: Faulty,
): ReturnType<typeof errorInfo> | undefined {
  if (unread !== undefined) return unreadError(unread, about);
  return error === "" ? undefined : errorInfo(error, about, retry);
}

export function contentInfo(
  node: string,
  spec: ContentSpec,
  status: ContentStatus | undefined,
  desired: DesiredState | undefined,
): InfoMessage {
  const { state, percent, ...progress } = progressOf(status);
  const fault = faultOf(spec, progress, ["CONTENT_TREE", spec.id, spec.displayName || spec.url]);
  const ready = status?.phase === "ready" ? status : undefined;
  const value = create(info.ZInfoContentTreeSchema, {
    uuid: spec.id,
    displayName: spec.displayName || spec.url,
    sha256: ready === undefined ? spec.sha256 : ready.digest.replace(/^sha256:/, ""),
    // EVE reports content that is ready as delivered.
    state: state === ZSwState.LOADED ? ZSwState.DELIVERED : state,
    progressPercentage: percent,
    usage: { refCount: desired?.volumes.filter(({ contentId }) => contentId === spec.id).length ?? 0 },
    componentShaList: ready?.components?.map(({ hash }) => hash) ?? [],
    ...(ready === undefined ? {} : { resources: { curSizeBytes: BigInt(ready.sizeBytes) } }),
    ...(fault === undefined ? {} : { err: fault }),
  });
  return infoMessage(node, ZInfoTypes.ZiContentTree, { case: "cinfo", value });
}

export function contentGone(node: string, id: ContentId): InfoMessage {
  const value = create(info.ZInfoContentTreeSchema, { uuid: id });
  return infoMessage(node, ZInfoTypes.ZiContentTree, { case: "cinfo", value });
}

/** The hashes that contents are made of, as far as they are known. */
export function blobsOf(contents: readonly ContentStatus[]): Set<string> {
  return new Set(
    contents.flatMap((it) => (it.phase === "ready" ? (it.components ?? []) : [])).map(({ hash }) => hash),
  );
}

/** One blob a message, as EVE does. Undefined: none of the contents has it any more. */
export function blobInfo(
  node: string,
  hash: string,
  contents: readonly ContentStatus[],
): InfoMessage | undefined {
  const users = contents.flatMap((it) => {
    const found = it.phase === "ready" ? it.components?.find((blob) => blob.hash === hash) : undefined;
    return found === undefined ? [] : [found];
  });
  const [first] = users;
  if (first === undefined) return undefined;
  const blob = {
    sha256: hash,
    state: ZSwState.LOADED,
    progressPercentage: 100,
    resources: { curSizeBytes: BigInt(first.bytes) },
    usage: { refCount: users.length },
  };
  const value = create(info.ZInfoBlobListSchema, { blob: [blob] });
  return infoMessage(node, ZInfoTypes.ZiBlobList, { case: "binfo", value });
}

export function blobGone(node: string, sha256: string): InfoMessage {
  const value = create(info.ZInfoBlobListSchema, { blob: [{ sha256 }] });
  return infoMessage(node, ZInfoTypes.ZiBlobList, { case: "binfo", value });
}

export function volumeInfo(
  node: string,
  spec: VolumeSpec,
  status: VolumeStatus | undefined,
  content: ContentStatus | undefined,
): InfoMessage {
  const { state, percent, ...progress } = volumeProgress(spec, status, content);
  const fault = faultOf(spec, progress, ["VOLUME", spec.id, spec.displayName]);
  const ready = status?.phase === "ready" ? status : undefined;
  const value = create(info.ZInfoVolumeSchema, {
    uuid: spec.id,
    displayName: spec.displayName,
    generationCount: BigInt(spec.generation),
    resources: {
      maxSizeBytes: BigInt(ready?.maxBytes ?? spec.sizeBytes),
      curSizeBytes: BigInt(ready?.usedBytes ?? 0),
    },
    state,
    progressPercentage: percent,
    ...(ready === undefined
      ? {}
      : {
          usage: {
            createTime: timestampFromMs(ready.createdAt),
            refCount: ready.users.count,
            lastRefcountChangeTime: timestampFromMs(ready.users.since),
          },
        }),
    ...(fault === undefined ? {} : { volumeErr: fault }),
  });
  return infoMessage(node, ZInfoTypes.ZiVolume, { case: "vinfo", value });
}

function volumeProgress(
  spec: VolumeSpec,
  status: VolumeStatus | undefined,
  content: ContentStatus | undefined,
): ContentProgress {
  switch (status?.phase) {
    case "ready":
      return { state: ZSwState.CREATED_VOLUME, percent: 100, error: "" };
    case "creating":
      return { state: ZSwState.CREATING_VOLUME, percent: 100, error: "" };
    case "failed":
      return failed(status);
    default: {
      if (spec.contentId === undefined) return { state: ZSwState.INITIAL, percent: 0, error: "" };
      const progress = progressOf(content);
      return progress.state === ZSwState.LOADED ? { ...progress, state: ZSwState.CREATING_VOLUME } : progress;
    }
  }
}

export function volumeGone(node: string, id: string): InfoMessage {
  const value = create(info.ZInfoVolumeSchema, { uuid: id });
  return infoMessage(node, ZInfoTypes.ZiVolume, { case: "vinfo", value });
}
