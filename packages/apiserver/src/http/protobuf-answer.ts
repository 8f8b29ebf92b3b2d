/** Answers in Kubernetes' protobuf: whole objects, and the frames of a watch. */
import {
  encodeEnvelope,
  encodeProtobuf,
  type KindDefinition,
  listMetaMessage,
  type ProtobufMessage,
} from "@selvedge/apimachinery";
import { apiVersionOf, listKindOf } from "../rest/kind-names.ts";
import type { Stored } from "../rest/stored.ts";
import type { WatchItem } from "../rest/watching.ts";
import { serverMessages } from "./server-messages.ts";

interface Typed {
  readonly apiVersion?: string;
  readonly kind?: string;
}

/** A body of the value: of the kind, of a list of it, or of what the server answers by itself. */
export function encodeAnswer(value: object, kind: KindDefinition | undefined): Uint8Array {
  const message = messageOf(value, kind);
  if (message === undefined) {
    const { apiVersion, kind: name } = value as Typed;
    throw new Error(`there is no protobuf table of ${apiVersion} ${name}`);
  }
  return encodeEnvelope(value as Typed, message, value);
}

function messageOf(value: Typed, kind: KindDefinition | undefined): ProtobufMessage | undefined {
  const { apiVersion = "v1", kind: name = "" } = value;
  if (kind?.protobuf !== undefined && apiVersion === apiVersionOf(kind)) {
    if (name === kind.kind) return kind.protobuf;
    if (name === listKindOf(kind)) return listMessage(kind.protobuf);
  }
  return serverMessages.get(`${apiVersion} ${name}`);
}

/** One for each kind, as what is worked out of a table is kept by the table. */
const lists = new WeakMap<ProtobufMessage, ProtobufMessage>();

function listMessage(items: ProtobufMessage): ProtobufMessage {
  let message = lists.get(items);
  if (message === undefined) {
    message = {
      1: { name: "metadata", type: "message", message: listMetaMessage },
      2: { name: "items", type: "message", message: items, repeated: true },
    };
    lists.set(items, message);
  }
  return message;
}

/** What is made of a stored object once, however many watch it: its kind's table makes the same of it each time. */
const bodies = new WeakMap<Stored, Uint8Array>();

export function encodeStored(stored: Stored, kind: KindDefinition): Uint8Array {
  let body = bodies.get(stored);
  if (body === undefined) {
    body = encodeAnswer(stored.object, kind);
    bodies.set(stored, body);
  }
  return body;
}

/** An event holds its object as a whole body. */
const eventMessage: ProtobufMessage = {
  1: { name: "type", type: "string" },
  2: { name: "object", type: "message", message: { 1: { name: "raw", type: "bytes" } } },
};

/** One event as it is sent: its length in four bytes, then the event. */
export function eventFrame(type: WatchItem["type"] | "ERROR", body: Uint8Array): Uint8Array {
  const event = encodeProtobuf(eventMessage, { type, object: { raw: body } });
  const frame = new Uint8Array(4 + event.length);
  new DataView(frame.buffer).setUint32(0, event.length);
  frame.set(event, 4);
  return frame;
}
