import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Instant, instant } from "@selvedge/base";

/** The last second that RFC 3339 can write. */
const last = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * A time as a node tells it, in milliseconds since 1970. Its clock may be anything: what is no date that
 * objects can show is undefined, as none at all (0) is, and no reason to refuse what else the node says.
 */
export function timeOfNode(at: bigint): Instant | undefined {
  return at > 0n && at <= last ? instant(Number(at)) : undefined;
}

export function timestampOfNode(at: Timestamp | undefined): Instant | undefined {
  return at === undefined ? undefined : timeOfNode(at.seconds * 1000n + BigInt(Math.trunc(at.nanos / 1e6)));
}
