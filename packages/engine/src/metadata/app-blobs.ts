/** Files that the controller gives to one app, as volumes of target AppCustom: told of, and fetched from here. */
import type { AppSpec, ContentId, DesiredState } from "../desired.ts";
import { metadataAddress } from "../network/metadata-address.ts";
import type { ContentStatus } from "../observed.ts";
import { type Caller, json, type MetadataAnswer, refusal } from "./exchange.ts";

interface AppBlob {
  readonly name: string;
  readonly meta: string;
  readonly content: Extract<ContentStatus, { phase: "ready" }>;
}

export type ContentOf = (id: ContentId) => ContentStatus | undefined;

const folder = "/eve/app-custom-blobs";

/** EVE's words for somebody it does not know, with a status that says all is well. */
const stranger: MetadataAnswer = { status: 200, type: "application/json", body: "not found" };

export function appInfoAnswer(
  caller: Caller | undefined,
  desired: DesiredState | undefined,
  contentOf: ContentOf,
): MetadataAnswer {
  if (caller === undefined) return stranger;
  const blobs = blobsOf(caller.app, desired, contentOf).map(({ name, meta }) => ({
    CustomMeta: meta,
    DownloadURL: `http://${metadataAddress}${folder}/${encodeURIComponent(name)}`,
  }));
  return json({ AppBlobs: blobs.length === 0 ? null : blobs });
}

/** The file whose name the path ends in; undefined: the path is another's. */
export function blobAnswer(
  path: string,
  caller: Caller | undefined,
  desired: DesiredState | undefined,
  contentOf: ContentOf,
): MetadataAnswer | undefined {
  if (path !== folder && !path.startsWith(`${folder}/`)) return undefined;
  if (caller === undefined) return stranger;
  const name = path.slice(folder.length + 1);
  const found = blobsOf(caller.app, desired, contentOf).find((it) => encodeURIComponent(it.name) === name);
  if (found === undefined) return refusal(404, path);
  const { path: file, sizeBytes } = found.content;
  return { status: 200, type: "application/octet-stream", file: { path: file, sizeBytes } };
}

/** Those that are here, in the order of the app's volumes. */
function blobsOf({ foreign }: AppSpec, desired: DesiredState | undefined, contentOf: ContentOf): AppBlob[] {
  return (foreign?.volumes ?? []).flatMap(({ form, volumeId, contentId }) => {
    if (form !== "file" || contentId === undefined) return [];
    const volume = desired?.volumes.find(({ id }) => id === volumeId);
    const spec = desired?.contents.find(({ id }) => id === contentId);
    const content = contentOf(contentId);
    if (volume === undefined || content?.phase !== "ready") return [];
    return [{ name: volume.displayName || volumeId, meta: spec?.meta ?? "", content }];
  });
}
