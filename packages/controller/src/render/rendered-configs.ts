import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock, Instant } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import type { ConfigBook, NodeId, Records, RenderedConfig } from "../ports.ts";
import { decodeConfig } from "./node-config.ts";

/** What became of a configuration that was to be published. */
export type Published =
  | { readonly type: "published" | "unchanged"; readonly hash: string }
  | { readonly type: "too-large"; readonly bytes: number };

/**
 * A node reads its configuration whole into memory, on a box with little of it; no set of Pods needs as
 * much.
 */
export const configBytesMax: number = 8 * 1024 * 1024;

/** Of the records. */
export const renderedBucket = "rendered-configs";
const digestLength = 32;

/**
 * The newest configuration of every node, in memory and in the records, so that a controller that starts
 * serves at once what it served before it stopped. A record is the digest of the content (without its
 * time), then the configuration.
 */
export class RenderedConfigs implements ConfigBook {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #configs = new Map<NodeId, RenderedConfig>();
  readonly #listeners = new Set<(node: NodeId) => void>();

  constructor(records: Records, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
    for (const [node, record] of records.entries(renderedBucket)) {
      this.#configs.set(node, {
        hash: Buffer.from(record.subarray(0, digestLength)).toString("base64url"),
        config: record.subarray(digestLength),
      });
    }
  }

  current(node: NodeId): RenderedConfig | undefined {
    return this.#configs.get(node);
  }

  onChange(listener: (node: NodeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Publishes content if it differs from what is published. Its time is never that of an earlier one, even
   * when the clock went back: a node drops a configuration older than its last.
   */
  publish(node: NodeId, content: config.EdgeDevConfig): Published {
    const bare = toBinary(config.EdgeDevConfigSchema, content);
    if (bare.length > configBytesMax) return { type: "too-large", bytes: bare.length };
    const digest = createHash("sha256").update(bare).digest();
    const hash = digest.toString("base64url");
    const known = this.#configs.get(node);
    if (known?.hash === hash) return { type: "unchanged", hash };
    const before = known === undefined ? 0 : timeOf(decodeConfig(known.config));
    const bytes = stamped(content, Math.max(this.#clock.now(), before + 1));
    this.#records.put(renderedBucket, node, Buffer.concat([digest, bytes]));
    this.#configs.set(node, { hash, config: bytes });
    this.#tell(node);
    return { type: "published", hash };
  }

  /** The node is no longer ours. */
  forget(node: NodeId): void {
    if (!this.#configs.delete(node)) return;
    this.#records.delete(renderedBucket, node);
    this.#tell(node);
  }

  #tell(node: NodeId): void {
    for (const listener of this.#listeners) listener(node);
  }
}

/**
 * A record from a backup as it may be served. Nodes were given newer configurations since, and take none that
 * is older than their last: it gets a time of now. They were given commands since that nobody knows of, and
 * would act on the numbers of then: it has none (NodeCommands says how they come back). What they have said since is
 * lost, and they say again only what changes: another epoch makes them say it all.
 */
export function restampedRecord(record: Uint8Array, now: Instant): Uint8Array {
  const content = decodeConfig(record.subarray(digestLength));
  const time = Math.max(now, timeOf(content) + 1);
  content.controllerEpoch = BigInt(time);
  for (const name of ["configTimestamp", "reboot", "shutdown"] as const) delete content[name];
  const digest = createHash("sha256").update(toBinary(config.EdgeDevConfigSchema, content)).digest();
  return Buffer.concat([digest, stamped(content, time)]);
}

function stamped(content: config.EdgeDevConfig, time: number): Uint8Array {
  const made = create(config.EdgeDevConfigSchema, { ...content, configTimestamp: timestampFromMs(time) });
  if (content.$unknown !== undefined) made.$unknown = content.$unknown;
  return toBinary(config.EdgeDevConfigSchema, made);
}

function timeOf({ configTimestamp }: config.EdgeDevConfig): number {
  return configTimestamp === undefined ? 0 : timestampDate(configTimestamp).getTime();
}
