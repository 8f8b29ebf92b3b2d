/** In what form a client wants its answer. */
import type { AggregatedVersion } from "../rest/discovery.ts";
import { StatusError } from "../status-error.ts";

export type View = "object" | "table" | "partial";

interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

function rangesOf(accept: string): MediaRange[] {
  return accept.split(",").map((range) => {
    const [type = "", ...rest] = range.split(";").map((part) => part.trim());
    const pairs = rest.map((part) => part.split("=", 2).map((text) => text.trim()));
    return { type, parameters: Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, value])) };
  });
}

function isJson(type: string): boolean {
  return type === "application/json" || type === "application/*" || type === "*/*";
}

const yamlType = "application/yaml";

/** What most programs say, and nothing else: not worth taking apart. */
const plainJson = "application/json";

/** Whether the client would rather have YAML than JSON; what else it would rather have there is not. */
export function wantsYaml(accept: string | undefined): boolean {
  if (accept === undefined || accept === plainJson) return false;
  return rangesOf(accept).find(({ type }) => isJson(type) || type === yamlType)?.type === yamlType;
}

const metaVersions = new Set(["v1", "v1beta1"]);

/** The first form of those the client lists that there is, in JSON or YAML. Answers to questions are no rows. */
export function viewOf(accept: string | undefined, hasTable = true): View {
  if (accept === undefined || accept === plainJson || accept.trim() === "") return "object";
  for (const { type, parameters } of rangesOf(accept)) {
    if (!isJson(type) && type !== yamlType) continue;
    const { as, g, v = "" } = parameters;
    if (as === undefined) return "object";
    if (g !== "meta.k8s.io" || !metaVersions.has(v)) continue;
    if (as === "Table" && hasTable) return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "partial";
  }
  const message = `only the following media types are accepted: application/json, ${yamlType}`;
  throw new StatusError(406, "NotAcceptable", message, {});
}

/** Undefined: the legacy documents. */
export function aggregationOf(accept: string | undefined): AggregatedVersion | undefined {
  for (const { type, parameters } of rangesOf(accept ?? "")) {
    const { as, g, v } = parameters;
    if (type !== "application/json") continue;
    if (as === undefined) return undefined;
    const known = as === "APIGroupDiscoveryList" && g === "apidiscovery.k8s.io";
    if (known && (v === "v2" || v === "v2beta1")) return v;
  }
  return undefined;
}

export function wantsProtobuf(accept: string | undefined): boolean {
  const [first] = rangesOf(accept ?? "");
  return first?.type.includes("protobuf") === true;
}
