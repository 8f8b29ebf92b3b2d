/** EdgeNode.spec.remoteAccess: sessions at a dispatcher, for boxes that have no link. */
import type { Schema } from "@selvedge/apimachinery";
import { certificateFault } from "../certificate.ts";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";

export interface RemoteAccess {
  /** `host:port`, with a path where the dispatcher has one. */
  dispatcher: string;
  /** PEM, one certificate each. */
  dispatcherCertificates?: string[];
  /** When sessions end, and nobody begins one any more. */
  expires: string;
  /** Sessions at once; one when unset. */
  sessions?: number;
  /** What may be looked at; nothing when unset. */
  allow?: RemotePart[];
  /** Raise it to end all sessions and get another key. */
  generation?: number;
}

export type RemotePart = "Apps" | "Device" | "External";

const parts: RemotePart[] = ["Device", "Apps", "External"];
const dispatcherMax = 512;
const certificatesMax = 8;
const pemMax = 32_768;
const sessionsMax = 5;
const generationMax = 2_147_483_647;

export const remoteAccessSchema: Schema = objectOf(
  "Lets people look into the box through a dispatcher that both they and it dial, for boxes that run EVE and have " +
    "no link. Who may post to nodes/NAME/proxy/edgeview gets the token.",
  {
    dispatcher: textOf("Where it is, such as dispatcher.example:443/edge-view.", {
      ...{ minLength: 1, maxLength: dispatcherMax },
    }),
    dispatcherCertificates: {
      ...{ type: "array", maxItems: certificatesMax, items: { type: "string", maxLength: pemMax } },
      description: "PEM of certificates by which the box believes it, one each.",
    },
    expires: {
      ...{ type: "string", format: "date-time" },
      description: "When sessions end, and nobody begins one any more.",
    },
    sessions: {
      ...{ type: "integer", format: "int32", minimum: 1, maximum: sessionsMax },
      description: "How many at once; one when not said.",
    },
    allow: {
      ...{ type: "array", items: { type: "string", enum: parts } },
      "x-kubernetes-list-type": "set",
      description:
        "What may be looked at: the Device, its Apps, External hosts beside it. Nothing when not said.",
    },
    generation: {
      ...{ type: "integer", format: "int64", minimum: 0, maximum: generationMax },
      description: "Raise it to end all sessions: the token before opens nothing any more.",
    },
  },
  ["dispatcher", "expires"],
);

export function remoteAccessFaults(
  access: RemoteAccess | undefined,
  before: RemoteAccess | undefined,
  faults: Faults,
): void {
  if (access === undefined) return;
  const { dispatcher, dispatcherCertificates = [], expires, generation = 0 } = access;
  if (!isDispatcher(dispatcher))
    faults.invalid(
      "spec.remoteAccess.dispatcher",
      dispatcher,
      "must be like dispatcher.example:443/edge-view",
    );
  for (const [at, pem] of dispatcherCertificates.entries()) {
    const fault = certificateFault(pem);
    const field = `spec.remoteAccess.dispatcherCertificates[${at}]`;
    if (fault !== undefined) faults.invalid(field, "<certificate>", fault);
  }
  if (Number.isNaN(Date.parse(expires)))
    faults.invalid("spec.remoteAccess.expires", expires, "must be a time, such as 2030-01-02T15:04:05Z");
  if (generation < (before?.generation ?? 0))
    faults.invalid(
      "spec.remoteAccess.generation",
      generation,
      "must not fall: tokens of then would open again",
    );
}

/** A host with its port and perhaps a path; EVE puts wss:// before it. */
function isDispatcher(text: string): boolean {
  if (!/^[^\s/@?#]+:\d{1,5}(\/[^\s?#@]*)?$/.test(text) || !URL.canParse(`wss://${text}`)) return false;
  const port = Number(/^[^/]*:(\d+)/.exec(text)?.[1]);
  return port > 0 && port < 65_536;
}
