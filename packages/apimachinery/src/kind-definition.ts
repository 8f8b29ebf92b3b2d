import type { Instant, KeepsInteger } from "@selvedge/base";
import type { KubeObject } from "./object.ts";
import type { Schema } from "./schema.ts";
import type { FieldsV1 } from "./ssa/field-set.ts";

/**
 * Everything an API server must know to serve one version of a kind. A kind is one file that exports one of
 * these; the
 * server, OpenAPI, `explain`, tables, protobuf bodies and the client are all derived from it.
 */
export interface KindDefinition {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  /** The kind's name with List at its end when not given. */
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  /** What is wrong with a name; DNS subdomains are right when not given. */
  readonly nameFaults?: (name: string) => string[];
  /** Of the whole object: apiVersion, kind, metadata, spec, status, … */
  readonly schema: Schema;
  readonly columns: readonly Column[];
  readonly subresources?: {
    /** /status exists: writes to the main resource keep the stored status, and the other way round. */
    readonly status?: boolean;
    /** A status that a new object comes with is kept, as upstream does for nodes. */
    readonly statusOnCreate?: boolean;
    readonly scale?: ScalePaths;
    /**
     * Further subresources that discovery lists, with the kind they answer with: `log`, `exec`, `eviction`.
     */
    readonly others?: readonly SubresourceDefinition[];
  };
  /** JSON paths usable as field selectors besides metadata.name and metadata.namespace: `spec.nodeName`. */
  readonly selectableFields?: readonly string[];
  /** Further field selectors, that are no paths of the object, and what they are of one. */
  readonly computedFields?: Readonly<Record<string, (object: KubeObject) => string>>;
  /**
   * Fills in what the schema's own defaults cannot say, and carries over from `old` what an update need not
   * say again. Changes the object in place. Like `validate` it is called only when every value is of the type
   * its schema says: what is not is refused before.
   */
  readonly applyDefaults?: (object: KubeObject, old?: KubeObject) => void;
  /**
   * What the schema cannot say; `old` on update, what the schema has found, and the part of the object that
   * is written: another than the whole has rules of its own. Returns what else is wrong.
   */
  readonly validate?: (
    object: KubeObject,
    old: KubeObject | undefined,
    found?: readonly FieldError[],
    subresource?: string,
  ) => FieldError[];
  /** What is wrong with a status that is written by itself. */
  readonly validateStatus?: (object: KubeObject, old: KubeObject) => FieldError[];
  /** Whether more than defaults is put into a new one, which is no part of what its maker manages. */
  readonly completesNew?: boolean;
  /**
   * Which fields of an object as it was sent, before anything is known of it, the server gives values of its own since
   * they are not said: nobody manages them, whether they are new or carried over. As managedFields write them.
   */
  readonly assigned?: (object: KubeObject) => FieldsV1;
  /** Whether who deletes it is told what it was, and not just that it is gone. */
  readonly returnsDeleted?: boolean;
  /**
   * Whether PUT without a resourceVersion is allowed: true for most built-in kinds, false for custom ones.
   */
  readonly unconditionalUpdate?: boolean;
  /** Whether PUT makes what is not there: of some built-in kinds it always has. */
  readonly createsOnUpdate?: boolean;
  /**
   * Deleting it first only sets deletionTimestamp, for as many seconds (Pods); undefined deletes at once, whatever
   * is asked for.
   */
  readonly gracePeriodSeconds?: (object: KubeObject) => number | undefined;
  /** Who deletes it and says nothing of its dependents leaves them behind, and is told so by the warning. */
  readonly leavesDependents?: { readonly warning?: string };
  /** Whether spec changes count as generations; default true when the schema has a spec. */
  readonly hasGeneration?: boolean;
  /** Whether the first generation is what a change of the spec makes: it begins with none. */
  readonly generationLater?: boolean;
  /** Whether what has changed of the content makes no new generation: a Pod that is given a node. */
  readonly keepsGeneration?: (object: KubeObject, old: KubeObject) => boolean;
  /** Fields by number, for protobuf bodies. */
  readonly protobuf?: ProtobufMessage;
  /**
   * Whether an integer of 64 bits in a member of the name is held whole, as a bigint. Not said: beyond 2^53 it is
   * rounded, since the kind's code reckons with its numbers, and its writer is told.
   */
  readonly keepsIntegers?: KeepsInteger;
  /** Whether SSA and OpenAPI call it a custom resource. */
  readonly custom?: boolean;
  /** Set where the objects are kept as another kind's, or in another version. */
  readonly view?: KindView;
  /** What a deletion changes when it begins, in place, besides the time: a finalizer of the server's own. */
  readonly beginDeletion?: (object: KubeObject, time: string) => void;
  /** What can be done with its objects: everything when not given. */
  readonly verbs?: readonly string[];
  /** Whether it is served and not told of: whoever finds it in discovery would take it for ready. */
  readonly untold?: boolean;
  /** Said to whoever uses this version. */
  readonly deprecationWarning?: string;
}

/**
 * One of several ways to see the same stored objects: events in two groups, a custom kind in two versions.
 * `read` may change what it is given; `write` may not, but may share it.
 */
export interface KindView {
  /** Where the objects are kept. */
  readonly of: { readonly group: string; readonly plural: string };
  readonly read: (stored: KubeObject) => KubeObject;
  readonly write: (object: KubeObject) => KubeObject;
  /** All kinds that show these objects, this one included: what managers of fields may have written in. */
  readonly siblings: () => readonly KindDefinition[];
  /** The API version that objects are written in, where it may be another than what is stored already. */
  readonly keptAs?: string;
  /** Set where somebody else turns versions into each other: `read` is then given objects of this version only. */
  readonly converter?: KindConverter;
}

export interface KindConverter {
  /** The one that is shown, and the one that objects are written in. */
  readonly version: string;
  readonly kept: string;
  /** Others, in the same order, of the version that is asked for; those that are given stay as they are. */
  readonly convert: (objects: readonly KubeObject[], version: string) => Promise<readonly KubeObject[]>;
}

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, more only with `-o wide`. */
  readonly priority?: number;
  /** Of a date: whether it is shown as it is, and not how long ago it was. */
  readonly absolute?: boolean;
  readonly value: (object: KubeObject, now: Instant) => string | number | bigint | boolean | null;
}

export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** Path of a label selector, as an object or as text. */
  readonly selector?: string;
}

export interface SubresourceDefinition {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

/** One thing wrong with one field, as Kubernetes words it. */
export interface FieldError {
  readonly type:
    | "FieldValueRequired"
    | "FieldValueInvalid"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueForbidden"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldValueNotFound"
    | "FieldValueTypeInvalid"
    | "InternalError";
  /** `spec.containers[0].image` */
  readonly field: string;
  readonly value?: unknown;
  readonly detail: string;
}

/** The wire form of one message of Kubernetes' protobuf encoding. */
export interface ProtobufMessage {
  readonly [fieldNumber: number]: ProtobufField;
}

export interface ProtobufField {
  readonly name: string;
  readonly type:
    | "string"
    | "bytes"
    | "bool"
    | "int32"
    | "int64"
    | "double"
    /**
     * metav1.Time and MicroTime become RFC 3339 text, Quantity its text, IntOrString a number or text,
     * FieldsV1 and RawExtension the JSON they hold; `texts` is a message that is a list of texts in JSON.
     */
    | "time"
    | "microtime"
    | "duration"
    | "quantity"
    | "int-or-string"
    | "fields-v1"
    | "raw-extension"
    | "texts"
    | "message"
    | "map";
  readonly repeated?: boolean;
  /**
   * A pointer in upstream's Go, where absent and zero differ: `replicas: 0` was said by somebody and is
   * kept. Go writes the zero of every other field whether it was said or not, so there `""`, 0 and false
   * mean absent.
   */
  readonly pointer?: boolean;
  /** JSON has it even when it is zero. */
  readonly needed?: boolean;
  /** A message that stands for the one of its members that is there; of several, the last. */
  readonly choice?: boolean;
  /** A struct embedded in upstream's Go: its members are the parent's own, `name` appears nowhere. */
  readonly embedded?: boolean;
  /** Of a message, or of a map's values. A function where messages refer to each other. */
  readonly message?: ProtobufMessage | (() => ProtobufMessage);
  /** Of a map whose values are not messages. */
  readonly values?: "string" | "bytes" | "quantity" | "bool" | "int32" | "int64" | "texts" | "time";
}
