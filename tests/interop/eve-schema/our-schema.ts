/**
 * Our schema of the EVE API as the generated code has it, in the words that `main.go describe` uses for
 * Go's.
 */
import { createHash } from "node:crypto";
import { globSync } from "node:fs";
import { join } from "node:path";
import {
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  ScalarType,
} from "@bufbuild/protobuf";

const generated = join(import.meta.dirname, "../../../packages/eve-api/src/gen");
const apiPrefix = "org.lfedge.eve.";

export interface Schema {
  readonly messages: readonly DescMessage[];
  readonly enums: readonly DescEnum[];
}

/** Every message and enum of the API, also those that no program of ours names. */
export async function ourSchema(): Promise<Schema> {
  const messages: DescMessage[] = [];
  const enums: DescEnum[] = [];
  const addMessage = (message: DescMessage): void => {
    messages.push(message);
    enums.push(...message.nestedEnums);
    message.nestedMessages.forEach(addMessage);
  };
  for (const path of globSync("**/*_pb.ts", { cwd: generated }).sort()) {
    const exported: Readonly<Record<string, unknown>> = await import(join(generated, path));
    const file = Object.values(exported).find(isFile);
    if (file?.proto.package.startsWith(apiPrefix) !== true) continue;
    enums.push(...file.enums);
    file.messages.forEach(addMessage);
  }
  return { messages, enums };
}

function isFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}

/** A message's or an enum's name, and a line for each of its fields or values. */
export type Description = ReadonlyMap<string, readonly string[]>;

export function describeSchema({ messages, enums }: Schema): Description {
  return new Map([
    ...messages.map(
      ({ typeName, fields }) => [`message ${typeName}`, fields.map((field) => describeField(field))] as const,
    ),
    ...enums.map(
      ({ typeName, values }) =>
        [`enum ${typeName}`, values.map(({ number, name }) => `${number} ${name}`)] as const,
    ),
  ]);
}

function describeField(field: DescField): string {
  const line = `${field.number} ${field.name}: ${shapeOf(field)} json=${field.jsonName}`;
  // The compiler makes a oneof of its own for each `optional` field, which nobody wrote.
  return field.oneof === undefined ? line : `${line} oneof=${field.oneof.name}`;
}

function shapeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "map":
      return `map<${scalar(field.mapKey)}, ${elementOf(field.mapKind, field)}>`;
    case "list":
      return `${field.packed ? "packed" : "repeated"} ${elementOf(field.listKind, field)}`;
    case "scalar":
    case "enum":
    case "message": {
      const optional = field.proto.proto3Optional ? "optional " : "";
      return optional + elementOf(field.fieldKind, field);
    }
  }
}

function elementOf(kind: "scalar" | "enum" | "message", field: DescField): string {
  if (kind === "message") return field.message?.typeName ?? "";
  if (kind === "enum") return field.enum?.typeName ?? "";
  return scalar(field.scalar);
}

function scalar(type: ScalarType | undefined): string {
  return type === undefined ? "" : ScalarType[type].toLowerCase();
}

/** Short enough to commit for each of 430 types, long enough that no change of a field keeps it. */
export function fingerprint(lines: readonly string[]): string {
  return createHash("sha256")
    .update([...lines].sort().join("\n"))
    .digest("hex")
    .slice(0, 16);
}
