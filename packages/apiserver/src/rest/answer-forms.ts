/** JSON texts in the other forms that clients ask for. Pure, and the same on the loop and in a thread. */
import { encodeItems, formatYaml, type KindDefinition, readAs } from "@selvedge/apimachinery";
import { parseJson } from "@selvedge/base";
import { encodeAnswer } from "./protobuf-answer.ts";

/**
 * `yamlItems`: an array as it stands in a list; `indented`: JSON for people. In protobuf: a whole body of whatever the
 * server answers, one of the very object of the kind, and such an object as an item of its list.
 */
export type AnswerForm = "yaml" | "yamlItems" | "indented" | "protobuf" | "protobufObject" | "protobufItem";

/** `kind`: what the answer is about; what is said of the very object of a kind needs it. */
export function inForm(json: string, form: AnswerForm, kind?: KindDefinition): string | Uint8Array {
  switch (form) {
    case "yaml":
      return formatYaml(parseJson(json));
    case "yamlItems":
      return formatYaml(parseJson(json))
        .split("\n")
        .map((line) => (line === "" ? line : `  ${line}`))
        .join("\n");
    case "indented":
      return JSON.stringify(parseJson(json), undefined, 2);
    case "protobuf":
      return encodeAnswer(parseJson(json) as object, kind);
    case "protobufObject":
      return encodeAnswer(readAs(kind ?? {}, json) as object, kind);
    default:
      if (kind?.protobuf === undefined) throw new Error(`there is no protobuf table of ${kind?.kind}`);
      return encodeItems(2, kind.protobuf, [readAs(kind, json) as object]);
  }
}
