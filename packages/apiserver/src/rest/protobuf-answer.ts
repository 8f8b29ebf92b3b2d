/** Answers in Kubernetes' protobuf: whole objects, and the frames of a watch. */
import {
  encodeEnvelope,
  type KindDefinition,
  listMetaMessage,
  type ProtobufEvent,
  type ProtobufMessage,
} from "@selvedge/apimachinery";
import { apiVersionOf, listKindOf } from "./kind-names.ts";
import { serverMessages } from "./server-messages.ts";
import type { Stored } from "./stored.ts";

interface Typed {
  readonly apiVersion?: string;
  readonly kind?: string;
}

/** A body of the value: of the kind, of a list of it, or of what the server answers by itself. */
export function encodeAnswer(value: object, kind: KindDefinition | undefined): Uint8Array {
  return encodeEnvelope(value as Typed, messageOf(value, kind), value);
}

function messageOf(value: Typed, kind: KindDefinition | undefined): ProtobufMessage {
  const { apiVersion = "v1", kind: name = "" } = value;
  if (kind?.protobuf !== undefined && apiVersion === apiVersionOf(kind)) {
    if (name === kind.kind) return kind.protobuf;
    if (name === listKindOf(kind)) return listMessage(kind.protobuf);
  }
  const message = serverMessages.get(`${apiVersion} ${name}`);
  if (message === undefined) throw new Error(`there is no protobuf table of ${apiVersion} ${name}`);
  return message;
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

/** It has been made elsewhere. */
export function keepBody(stored: Stored, body: Uint8Array): void {
  bodies.set(stored, body);
}

/** The body of an event about an object. `isShared`: other watchers are given the same. */
export function storedBody(stored: Stored, kind: KindDefinition, isShared: boolean): ProtobufEvent["body"] {
  let body = bodies.get(stored);
  if (body === undefined && !isShared) return answerBody(stored.object, kind);
  if (body === undefined) {
    body = encodeAnswer(stored.object, kind);
    bodies.set(stored, body);
  }
  return body;
}

export function answerBody(object: object, kind: KindDefinition | undefined): ProtobufEvent["body"] {
  return { message: messageOf(object as Typed, kind), object };
}
