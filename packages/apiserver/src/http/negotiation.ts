/** In what form a client wants its answer: the first of those it lists, the best first, that there is. */
import type { KindDefinition } from "@selvedge/apimachinery";
import type { AggregatedVersion } from "../rest/discovery.ts";
import { listKindOf } from "../rest/kind-names.ts";
import { jsonType, protobufType, yamlType } from "../rest/media-types.ts";
import { StatusError } from "../status-error.ts";

export type View = "object" | "table" | "partial";
export type Encoding = "json" | "yaml" | "protobuf";

export interface Form {
  readonly view: View;
  readonly encoding: Encoding;
  /** By what name metadata alone was asked for. */
  readonly as?: string;
}

/** What there is of an answer besides JSON and YAML. */
export interface Offer {
  /** Objects as they are; metadata alone is there of every kind. */
  readonly protobuf: boolean;
  /** Answers to questions are no rows. */
  readonly table?: boolean;
  /** An event after the other, for which YAML has no form. */
  readonly stream?: boolean;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What most programs say, and nothing else: not worth taking apart. */
export const plainJson: string = jsonType;
const typeOf: Readonly<Record<Encoding, string>> = {
  json: plainJson,
  yaml: yamlType,
  protobuf: protobufType,
};
export const discoveryTypes: readonly string[] = Object.values(typeOf);
const encodings = Object.keys(typeOf) as Encoding[];
const asJson: Form = { view: "object", encoding: "json" };
const metaVersions = new Set(["v1", "v1beta1"]);

export function formOf(accept: string | undefined, offer: Offer): Form {
  const form = findForm(accept, offer);
  if (form !== undefined) return form;
  const { stream = false } = offer;
  const types = encodings.filter((one) => !stream || one !== "yaml").map((one) => typeOf[one]);
  const list = types.map((type) => (stream ? `${type};stream=watch` : type)).join(", ");
  throw new StatusError(406, "NotAcceptable", `only the following media types are accepted: ${list}`, {});
}

/** Of a document, in upstream's two ways to say it: those of what groups there are, and of what it routes by form. */
export function checkAccepts(accept: string | undefined, types: readonly string[], isGroup = false): void {
  const ranges = rangesOf(accept?.trim() || "*/*");
  if (ranges.some(({ type }) => type === "*/*" || types.includes(type))) return;
  const list = types.join(", ");
  const message = isGroup
    ? `only the following media types are accepted: ${list}`
    : `406: Not Acceptable\n\nAvailable representations: ${list}`;
  throw new StatusError(406, "NotAcceptable", message, {});
}

/** The metadata of one object is no list, and that of a list no object. */
export function checkPartial({ as }: Form, kind: KindDefinition, isList: boolean): void {
  const wrong = isList ? "PartialObjectMetadata" : "PartialObjectMetadataList";
  if (as !== wrong) return;
  const name = isList ? listKindOf(kind) : kind.kind;
  const custom = `unstructured.Unstructured${isList ? "List" : ""}`;
  const type = kind.custom ? custom : `${kind.group.split(".", 1)[0] || "core"}.${name}`;
  const what = `the requested object is ${isList ? "a" : "not a"} list (*${type})`;
  throw new StatusError(406, "NotAcceptable", `you requested ${wrong}, but ${what}`, {});
}

/** The form of what has no other than its own: a refusal, a document. Who accepts none of them gets JSON. */
export function encodingOf(accept: string | undefined, protobuf: boolean): Encoding {
  return findForm(accept, { protobuf, table: false }, false)?.encoding ?? "json";
}

function findForm(accept: string | undefined, offer: Offer, transforms = true): Form | undefined {
  if (accept === undefined || accept === plainJson || accept.trim() === "") return asJson;
  for (const { type, parameters } of rangesOf(accept)) {
    const { as, g, v, stream } = parameters;
    const isPlain = as === undefined && g === undefined && v === undefined;
    const view = isPlain ? "object" : transforms ? transformOf(parameters) : undefined;
    if (view === undefined || (view === "table" && offer.table === false)) continue;
    for (const encoding of encodings) {
      if (!fits(type, typeOf[encoding]) || !isThere(view, encoding, offer)) continue;
      if (stream && (encoding === "yaml" || stream !== "watch")) continue;
      // As upstream: the choice has been made, though it cannot be had.
      if (offer.stream && encoding === "yaml") return undefined;
      return { view, encoding, ...(view === "partial" && as !== undefined && { as }) };
    }
  }
  return undefined;
}

function isThere(view: View, encoding: Encoding, offer: Offer): boolean {
  return encoding !== "protobuf" || view === "partial" || (view === "object" && offer.protobuf);
}

function transformOf({ as, g, v = "" }: MediaRange["parameters"]): View | undefined {
  if (g !== "meta.k8s.io" || !metaVersions.has(v)) return undefined;
  if (as === "Table") return "table";
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList" ? "partial" : undefined;
}

function fits(range: string, type: string): boolean {
  return range === type || range === "*/*" || range === "application/*";
}

/** The best first: by what the client says of their quality, then those it names before those it does not. */
function rangesOf(accept: string): MediaRange[] {
  const ranges = accept.split(",").map((range) => {
    const [type = "", ...rest] = range.split(";").map((part) => part.trim());
    const pairs = rest.map((part) => part.split("=", 2).map((text) => text.trim()));
    const { q = "1", ...parameters } = Object.fromEntries(
      pairs.map(([key = "", value = ""]) => [key, value]),
    );
    const quality = Number.parseFloat(q);
    return { type, parameters, quality: Number.isNaN(quality) ? 1 : quality };
  });
  return ranges.sort((one, other) => other.quality - one.quality || stars(one.type) - stars(other.type));
}

function stars(type: string): number {
  if (type.startsWith("*/")) return 2;
  return type.endsWith("/*") ? 1 : 0;
}

export interface DiscoveryForm {
  /** Undefined: the legacy documents. */
  readonly version: AggregatedVersion | undefined;
  readonly encoding: "json" | "protobuf";
}

export function discoveryFormOf(accept: string | undefined): DiscoveryForm {
  for (const { type, parameters } of rangesOf(accept ?? "")) {
    const { as, g, v } = parameters;
    const encoding = type === protobufType ? "protobuf" : "json";
    if (encoding === "json" && type !== plainJson) continue;
    if (as === undefined) return { version: undefined, encoding };
    const known = as === "APIGroupDiscoveryList" && g === "apidiscovery.k8s.io";
    if (known && (v === "v2" || v === "v2beta1")) return { version: v, encoding };
  }
  return { version: undefined, encoding: "json" };
}

/** gnostic's form of the Swagger document, which has a name of its own. */
export function wantsSwaggerProtobuf(accept: string | undefined): boolean {
  const [first] = rangesOf(accept ?? "");
  return first?.type.includes("protobuf") === true;
}
