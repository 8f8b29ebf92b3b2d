import { createHash } from "node:crypto";
import { fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { LruMap } from "@selvedge/base";
import { info, metrics } from "@selvedge/eve-api";
import type { NodeId, Records } from "../ports.ts";
import { PassingWords } from "./passing-words.ts";

/** What a node last said of one thing it has. */
export interface StateEntry {
  readonly type: string;
  /** Of the thing: a UUID, a digest; empty for what a node has one of. */
  readonly id: string;
  /** By the node's clock. */
  readonly at: string | undefined;
  /** In protobuf's JSON form. */
  readonly object: unknown;
}

const schema = info.ZInfoMsgSchema;
/** A full node has some hundred images, volumes and networks; what was said first goes first. */
const thingsMax = 512;
/** EVE's largest, of a cluster, are some hundred kilobytes. */
const bytesMax = 256 * 1024;
/** Nodes whose list of things is in memory; of others it is read again. */
const nodesMax = 10_000;
/** Under which the newest figures are held. */
const metricsKey = "metrics/";
const appKey = "ainfo/";

type Content = info.ZInfoMsg["InfoContent"];
type Kind = NonNullable<Content["case"]>;
type ValueOf<K extends Kind> = Extract<Content, { case: K }>["value"];

interface Thing<Value> {
  /** As people read it. */
  readonly type: string;
  /** What the message is about, and whether it says that this is no more. */
  of(value: Value): { readonly id: string; readonly isGone: boolean };
  /** It is repeated all day, with other figures each time. */
  readonly isVolatile?: boolean;
}

const only = { id: "", isGone: false };
const { ZSwState: State } = info;

/** A message with a name and nothing else says that the thing is gone. */
const things: { readonly [K in Kind]: Thing<ValueOf<K>> } = {
  dinfo: { type: "device", of: () => only, isVolatile: true },
  ainfo: {
    type: "app",
    of: ({ AppID: id, state, AppName }) => ({
      ...{ id, isGone: state === State.INVALID && AppName === "" },
    }),
  },
  niinfo: {
    type: "network",
    of: ({ networkID: id, displayname, activated, networkErr }) => ({
      ...{ id, isGone: displayname === "" && !activated && networkErr.length === 0 },
    }),
  },
  vinfo: {
    type: "volume",
    of: ({ uuid: id, state, displayName }) => ({
      ...{ id, isGone: state === State.INVALID && displayName === "" },
    }),
  },
  cinfo: {
    type: "content",
    of: ({ uuid: id, state, displayName }) => ({
      ...{ id, isGone: state === State.INVALID && displayName === "" },
    }),
  },
  binfo: {
    type: "blob",
    of: ({ blob: [blob] }) => ({
      ...{ id: blob?.sha256 ?? "", isGone: blob !== undefined && blob.state === State.INVALID },
    }),
  },
  amdinfo: {
    type: "app-metadata",
    of: ({ uuid, type, data }) => ({
      ...{ id: `${uuid}/${type}`, isGone: data.length === 0 },
    }),
  },
  hwinfo: { type: "hardware", of: () => only },
  evinfo: { type: "edgeview", of: () => only, isVolatile: true },
  locinfo: {
    type: "location",
    of: ({ logicallabel: id }) => ({ id, isGone: false }),
    isVolatile: true,
  },
  patchInfo: {
    type: "patch-envelope",
    of: ({ id, name }) => ({ id, isGone: name === "" }),
  },
  ntpSources: { type: "ntp", of: () => only, isVolatile: true },
  clusterInfo: { type: "cluster", of: () => only },
  clusterUpdateInfo: { type: "cluster-update", of: () => only },
  clusterNode: { type: "cluster-node", of: () => only },
};

/** What a message speaks of, of all that its node has; undefined when it says nothing. */
export function subjectOf({ InfoContent: content }: info.ZInfoMsg): string | undefined {
  return content.case && keyOf(content.case, thingOf(content.case).of(content.value).id);
}

/** For a value that came beside its kind: TypeScript does not follow the two together. */
function thingOf(kind: Kind): Thing<Content["value"]> {
  return things[kind];
}

/**
 * The last word of every node on everything it has, as it said it: read below `nodes/NAME/proxy/state`. What
 * people look for first is in the status of Nodes, EdgeNodes and Pods; here is the rest.
 */
export class StateBook {
  readonly #records: Records;
  /** Digests of what is kept, by key, oldest word first. */
  readonly #kept = new LruMap<NodeId, Map<string, string>>(nodesMax);
  readonly #passing = new PassingWords();
  readonly #listeners = new Set<(uid: string) => void>();

  constructor(records: Records) {
    this.#records = records;
  }

  /** What a node said last of one patch envelope. */
  patch(node: NodeId, uid: string): ValueOf<"patchInfo"> | undefined {
    const bytes = this.#records.get(bucketOf(node), `patchInfo/${uid}`);
    const content = bytes && fromBinary(schema, bytes).InfoContent;
    return content?.case === "patchInfo" ? content.value : undefined;
  }

  /** What a node that is not ours said last of its apps. */
  apps(node: NodeId): info.ZInfoApp[] {
    return [...this.#records.entries(bucketOf(node))].flatMap(([key, bytes]) => {
      const content = key.startsWith(appKey) ? fromBinary(schema, bytes).InfoContent : undefined;
      return content?.case === "ainfo" ? [content.value] : [];
    });
  }

  /** Called with the envelope of which a node said something. Returns how to stop. */
  onPatch(listener: (uid: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** False when it is too large to keep. */
  take(node: NodeId, message: info.ZInfoMsg): boolean {
    const { case: kind, value } = message.InfoContent;
    if (kind === undefined) return true;
    const thing = thingOf(kind);
    const { id, isGone } = thing.of(value);
    const key = keyOf(kind, id);
    if (isGone) {
      this.#drop(node, key);
      return true;
    }
    const bytes = toBinary(schema, message);
    if (bytes.length > bytesMax) return false;
    if (thing.isVolatile === true) this.#passing.keep(node, key, bytes);
    else this.#keep(node, key, bytes, digestOf(message));
    if (kind === "patchInfo") for (const listener of [...this.#listeners]) listener(id);
    return true;
  }

  /** The newest figures, as they came: a ZMetricMsg. False when they are too large to keep. */
  takeMetrics(node: NodeId, bytes: Uint8Array): boolean {
    if (bytes.length > bytesMax) return false;
    // Not the whole request that it is a part of.
    this.#passing.keep(node, metricsKey, bytes.slice());
    return true;
  }

  /** The newest figures of a node, while they are held. */
  figures(node: NodeId): metrics.ZMetricMsg | undefined {
    const bytes = this.#passing.of(node).get(metricsKey);
    return bytes && fromBinary(metrics.ZMetricMsgSchema, bytes);
  }

  /** Everything of a node, or of one type. */
  of(node: NodeId, type?: string): StateEntry[] {
    return [...this.#records.entries(bucketOf(node)), ...this.#passing.of(node)]
      .map(([key, bytes]) => (key === metricsKey ? figuresOf(bytes) : entryOf(bytes)))
      .filter((entry) => type === undefined || entry.type === type)
      .sort((left, right) => (`${left.type} ${left.id}` < `${right.type} ${right.id}` ? -1 : 1));
  }

  forget(node: NodeId): void {
    for (const key of [...this.#keysOf(node).keys()]) this.#drop(node, key);
    this.#kept.delete(node);
    this.#passing.forget(node);
  }

  #keep(node: NodeId, key: string, bytes: Uint8Array, digest: string): void {
    const kept = this.#keysOf(node);
    const isSame = kept.get(key) === digest;
    kept.delete(key);
    kept.set(key, digest);
    if (isSame) return;
    this.#records.put(bucketOf(node), key, bytes);
    for (const oldest of kept.keys()) {
      if (kept.size <= thingsMax) break;
      this.#drop(node, oldest);
    }
  }

  #drop(node: NodeId, key: string): void {
    if (this.#keysOf(node).delete(key)) this.#records.delete(bucketOf(node), key);
  }

  #keysOf(node: NodeId): Map<string, string> {
    const known = this.#kept.get(node);
    if (known !== undefined) return known;
    const read = new Map<string, string>();
    for (const [key, bytes] of this.#records.entries(bucketOf(node))) {
      read.set(key, digestOf(fromBinary(schema, bytes)));
    }
    this.#kept.set(node, read);
    return read;
  }
}

function keyOf(kind: Kind, id: string): string {
  return `${kind}/${id.slice(0, 128)}`;
}

function bucketOf(node: NodeId): string {
  return `state-${node}`;
}

/** Of what is said, without when. */
function digestOf(message: info.ZInfoMsg): string {
  const bytes = toBinary(schema, { ...message, atTimeStamp: undefined });
  return createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
}

function entryOf(bytes: Uint8Array): StateEntry {
  const message = fromBinary(schema, bytes);
  const { case: kind, value } = message.InfoContent;
  const thing = kind && thingOf(kind);
  const { atTimeStamp } = message;
  const json = toJson(schema, message) as Readonly<Record<string, unknown>>;
  return {
    type: thing?.type ?? "",
    id: thing?.of(value).id ?? "",
    at: atTimeStamp === undefined ? undefined : dateOf(atTimeStamp),
    object: kind === undefined ? undefined : json[kind],
  };
}

function figuresOf(bytes: Uint8Array): StateEntry {
  const message = fromBinary(metrics.ZMetricMsgSchema, bytes);
  const { atTimeStamp } = message;
  return {
    ...{ type: "metrics", id: "", object: toJson(metrics.ZMetricMsgSchema, message) },
    at: atTimeStamp === undefined ? undefined : dateOf(atTimeStamp),
  };
}

/** A node may say any time, also one that no calendar has. */
function dateOf(at: Parameters<typeof timestampDate>[0]): string | undefined {
  const date = timestampDate(at);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
