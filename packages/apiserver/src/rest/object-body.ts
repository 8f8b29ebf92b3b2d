/** Objects and patches as they are sent, made plain objects whatever they are written in. */
import {
  BodyError,
  decodeEnvelope,
  decodeProtobuf,
  type KindDefinition,
  type ParsedBody,
  ProtobufError,
  type ProtobufMessage,
  parseJsonBody,
  parseJsonOrYaml,
  parseYamlBody,
} from "@selvedge/apimachinery";
import type { KeepsInteger } from "@selvedge/base";
import { jsonType, protobufType, yamlType } from "./media-types.ts";
import { badRequest, unsupportedBody } from "./refusals.ts";

/** An object's body, of the kind that is expected. Bodies without a type are JSON. */
export async function decodeBody(
  body: Uint8Array,
  type: string,
  { kind, protobuf: message, keepsIntegers }: Pick<KindDefinition, "kind" | "protobuf" | "keepsIntegers">,
  readYaml: (text: string) => ParsedBody | Promise<ParsedBody> = (text) => parseYamlBody(text, keepsIntegers),
): Promise<ParsedBody> {
  try {
    if (type === "" || type === jsonType) return parseJsonBody(textOf(body), keepsIntegers);
    if (type === yamlType) return await readYaml(textOf(body));
    if (type === protobufType && message !== undefined) return decodeWrapped(body, message, keepsIntegers);
  } catch (error) {
    if (!(error instanceof BodyError) && !(error instanceof ProtobufError)) throw error;
    // Upstream looks first for what kind of object it is, and finds none.
    const why = `couldn't get version/kind; json parse error: ${error.message} (${summaryOf(body)})`;
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why}`, error);
  }
  throw unsupportedBody(message === undefined ? [jsonType, yamlType] : [jsonType, yamlType, protobufType]);
}

/** An object's body by its media type, or a patch; of all patches what is applied alone may be YAML. */
export type BodyForm =
  | { readonly type: "object"; readonly media: string }
  | { readonly type: "patch" | "apply" };

export type ReadKind = Pick<KindDefinition, "kind" | "protobuf" | "keepsIntegers">;

/** Undefined: it will be refused. */
export function writtenAs(body: Uint8Array, form: BodyForm): "json" | "yaml" | "protobuf" | undefined {
  if (form.type !== "object") return form.type === "patch" || beginsJson(body) ? "json" : "yaml";
  if (form.media === protobufType) return "protobuf";
  if (form.media === yamlType) return "yaml";
  return form.media === "" || form.media === jsonType ? "json" : undefined;
}

function beginsJson(body: Uint8Array): boolean {
  const first = body.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === 0x7b;
}

/** Reads YAML; `orJson`: what begins like JSON is tried as that first. */
type ReadYaml = (text: string, orJson: boolean) => ParsedBody | Promise<ParsedBody>;

export async function readForm(
  body: Uint8Array,
  form: BodyForm,
  kind: ReadKind,
  readYaml: ReadYaml = (text, orJson) => (orJson ? parseJsonOrYaml : parseYamlBody)(text, kind.keepsIntegers),
): Promise<ParsedBody> {
  if (form.type === "object")
    return await decodeBody(body, form.media, kind, (text) => readYaml(text, false));
  const text = textOf(body);
  try {
    return form.type === "apply" ? await readYaml(text, true) : parseJsonBody(text, kind.keepsIntegers);
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    throw badRequest(`error decoding patch: ${error.message}`, error);
  }
}

/** Enough to see what it is. */
const summaryMax = 30;

/** The beginning of a body, in hex unless it looks like JSON, as upstream shows it. */
function summaryOf(body: Uint8Array): string {
  if (body.length === 0) return "<empty>";
  const start = body.subarray(0, summaryMax);
  const text = body[0] === 0x7b ? new TextDecoder().decode(start) : start.toHex();
  return body.length > summaryMax ? `${text} ...` : text;
}

function decodeWrapped(
  body: Uint8Array,
  message: ProtobufMessage,
  keepsIntegers: KeepsInteger | undefined,
): ParsedBody {
  const { apiVersion, kind, raw, contentType } = decodeEnvelope(body);
  if (contentType === jsonType) return parseJsonBody(textOf(raw), keepsIntegers);
  const skipped: string[] = [];
  return { value: { apiVersion, kind, ...decodeProtobuf(message, raw, skipped) }, duplicates: [], skipped };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function textOf(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch (error) {
    throw badRequest("the body of the request is not UTF-8", error);
  }
}
