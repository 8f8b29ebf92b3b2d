/**
 * Objects of Kubernetes' kinds in protobuf, JSON and YAML, as its repository keeps them: all three must be
 * read as one object, and the protobuf written as it is. A member that our table of a kind lacks would be lost
 * without a word.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeEnvelope,
  decodeProtobuf,
  encodeEnvelope,
  type ProtobufMessage,
  parseJsonBody,
  parseYamlBody,
} from "@selvedge/apimachinery";
import { serverMessages } from "@selvedge/apiserver";
import { canonicalJson } from "@selvedge/base";
import { allKinds } from "@selvedge/kinds";
import type { Check } from "./check.ts";

/** Ours of every kind that has one, by apiVersion and kind. */
export const wireMessages: ReadonlyMap<string, ProtobufMessage> = new Map([
  ...serverMessages,
  ...allKinds.flatMap(({ group, version, kind, protobuf }) =>
    protobuf === undefined ? [] : [[`${group && `${group}/`}${version} ${kind}`, protobuf] as const],
  ),
]);

/** Checks those objects in `folder` whose kind is served: `apps.v1.Deployment.pb`, `.json` and `.yaml`. */
export function wireChecks(folder: string): Check[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".pb") && !name.includes(".after_"));
  return names.flatMap((name) => {
    const body = readFileSync(join(folder, name));
    const { apiVersion, kind, raw } = decodeEnvelope(body);
    const message = wireMessages.get(`${apiVersion} ${kind}`);
    if (message === undefined) return [];
    const json = parseJsonBody(readFileSync(join(folder, name.replace(/pb$/, "json")), "utf8")).value;
    const yaml = parseYamlBody(readFileSync(join(folder, name.replace(/pb$/, "yaml")), "utf8")).value;
    const differences = [
      ...differencesOf({ apiVersion, kind, ...decodeProtobuf(message, raw) }, json, "protobuf"),
      ...differencesOf(yaml, json, "YAML"),
      ...bytesFault(encodeEnvelope({ apiVersion, kind }, message, json as object), body),
    ];
    const fault = differences.length === 0 ? undefined : differences.join("; ");
    return [{ name: `wire/${name}`, fault }];
  });
}

/** What is written must be the same to the byte: clients may compare or sign it. */
function bytesFault(ours: Uint8Array, theirs: Uint8Array): string[] {
  if (Buffer.from(ours).equals(theirs)) return [];
  let at = 0;
  while (ours[at] === theirs[at]) at++;
  const near = (bytes: Uint8Array): string =>
    Buffer.from(bytes.subarray(Math.max(0, at - 24), at + 24)).toString("latin1");
  const sizes = `${ours.length} bytes, not ${theirs.length}`;
  return [
    `is written in ${sizes}, other from ${at}: ${JSON.stringify(near(ours))}, not ${JSON.stringify(near(theirs))}`,
  ];
}

/** As many as a person reads. */
const shownMax = 20;

function differencesOf(ours: unknown, json: unknown, form: string): string[] {
  if (canonicalJson(ours) === canonicalJson(json)) return [];
  const found: string[] = [];
  compare(ours, json, "", found);
  return found.slice(0, shownMax).map((one) => `${form} ${one}`);
}

function compare(ours: unknown, json: unknown, path: string, found: string[]): void {
  if (typeof ours === "object" && typeof json === "object" && ours !== null && json !== null) {
    const [left, right] = [ours as Record<string, unknown>, json as Record<string, unknown>];
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      compare(left[key], right[key], `${path}.${key}`, found);
    }
  } else if (ours !== json) found.push(`${path}: ${JSON.stringify(ours)}, not ${JSON.stringify(json)}`);
}
