/** What went wrong, in EVE's ErrorInfo: what, of what, since when, and when it is tried again. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Instant } from "@selvedge/base";
import { type info, infoCommon } from "@selvedge/eve-api";
import { type Unread, unreadable, unreadText } from "../../unread.ts";

type ErrorInit = MessageInitShape<typeof infoCommon.ErrorInfoSchema>;

/** What it is of: its kind, its id and its name. */
export type Faulty = readonly [entity: keyof typeof infoCommon.Entity, id: string, name: string];

/** By itself, and not in step with the others: what most things do that may mend. */
export const bySelf = "it is tried again by itself, after growing pauses";

/** By the word for what went wrong; what is not here is tried by itself. Empty: it is not tried again. */
const retries: Readonly<Record<string, string>> = {
  DiskFull: "it is tried again by itself, and succeeds once there is room on the disk",
  NetworkTooCostly:
    "it begins or goes on once a port leads to the controller that costs no more than is allowed",
  ErrImageNeverPull: "it goes on once the image is on the node, which does not fetch it by itself",
  InvalidImageName: "it is tried again when the configuration names it otherwise",
  [unreadable]: "it is read again with the next configuration",
  VolumeMissing: "it goes on once the configuration describes the volume",
};

export function retryOf(reason: string): string {
  return retries[reason] ?? bySelf;
}

export function errorInfo(
  description: string,
  [entity, entityId, entityName]: Faulty,
  retry: string,
): ErrorInit {
  return {
    ...{ description, severity: infoCommon.Severity.ERROR, retryCondition: retry },
    entities: [{ entity: infoCommon.Entity[entity], entityId, entityName }],
  };
}

/** Of an object whose entry cannot be read, and which may be what it was before. */
export function unreadError(unread: Unread, about: Faulty): ErrorInit {
  return errorInfo(unreadText(unread), about, retryOf(unreadable));
}

/** Things that may have errors are as many as a node has; of others it is forgotten since when. */
const thingsMax = 1_000;

/** Since when each thing has the error that it has. */
export class ErrorTimes {
  readonly #since = new Map<string, ReadonlyMap<string, Instant>>();

  /** Says in a message that is about to be sent since when its errors are. */
  stamp(thing: string, message: info.ZInfoMsg, now: Instant): void {
    const before = this.#since.get(thing);
    const since = new Map<string, Instant>();
    for (const error of errorsIn(message.InfoContent.value)) {
      const at = before?.get(error.description) ?? now;
      since.set(error.description, at);
      error.timestamp ??= timestampFromMs(at);
    }
    this.#since.delete(thing);
    if (since.size === 0) return;
    this.#since.set(thing, since);
    for (const oldest of this.#since.keys()) {
      if (this.#since.size <= thingsMax) break;
      this.#since.delete(oldest);
    }
  }
}

/** Wherever they are in it. */
function* errorsIn(value: unknown): Generator<infoCommon.ErrorInfo> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (isError(value)) yield value;
  else for (const part of Object.values(value)) yield* errorsIn(part);
}

function isError(value: object): value is infoCommon.ErrorInfo {
  return "$typeName" in value && value.$typeName === infoCommon.ErrorInfoSchema.typeName;
}
