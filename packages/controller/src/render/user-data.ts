/**
 * What a Pod of one container wants of its surroundings, as boxes of EVE give it to a container: in user data,
 * whose `runcmd` they read as variables and whose files they write before it starts. Always encrypted. Our own
 * nodes have it from the extension.
 */
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { cipher, type ext } from "@selvedge/eve-api";
import type { Pod } from "@selvedge/kinds";
import type { Environment } from "./environment.ts";
import { RenderError } from "./inputs.ts";
import type { Volumes } from "./volumes.ts";

/** EVE reads a variable as a line, and no longer ones. */
const lineMax = 60_000;
/** Quotes, backslashes, control characters, and blanks at the ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const specials = /["\\\u0000-\u001f\u007f]|^ +| +$/g;
/** Names that EVE takes; one other makes it start nothing. */
const variableName = /^[A-Za-z_][A-Za-z0-9_.]*$/;

/** The encoded EncryptionBlock; undefined when the Pod wants nothing of the kind. */
export function userDataOf(
  { spec }: Pod,
  environment: Environment,
  volumes: Volumes,
): Uint8Array | undefined {
  const [container] = spec.containers;
  if (container === undefined) return undefined;
  const runcmd = variablesOf(environment).map(([name, value]) => lineOf(name, value));
  const write_files = (container.volumeMounts ?? []).flatMap(({ name, mountPath, subPath }) =>
    filesOf(name, volumes).flatMap((file) => {
      if (subPath !== undefined && file.path !== subPath) return [];
      const path = subPath === undefined ? `${mountPath.replace(/\/$/, "")}/${file.path}` : mountPath;
      return [{ path, permissions: `0${file.mode.toString(8)}`, ...contentOf(file.content) }];
    }),
  );
  if (runcmd.length === 0 && write_files.length === 0) return undefined;
  // JSON is YAML, and needs no rules for what must be quoted.
  const text = `#cloud-config\n${JSON.stringify({ runcmd, write_files })}\n`;
  const protectedUserData = Buffer.from(text, "utf8").toString("base64");
  return toBinary(cipher.EncryptionBlockSchema, create(cipher.EncryptionBlockSchema, { protectedUserData }));
}

/** Final texts; what only a node of ours could resolve is left out. */
function variablesOf({ env, secrets }: Environment): [string, string][] {
  const values = new Map<string, string>();
  for (const { name, source } of env) {
    const text =
      source.case === "value"
        ? expand(source.value, values)
        : source.case === "secretKey"
          ? secrets.get(source.value)
          : undefined;
    if (text !== undefined) values.set(name, text);
  }
  return [...values].filter(([name]) => variableName.test(name));
}

/** As the node does it with what render left to it; undefined when it names what is not known here. */
function expand(text: string, known: ReadonlyMap<string, string>): string | undefined {
  let complete = true;
  const expanded = text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) => {
    const value = name === undefined ? "$" : known.get(name);
    if (value === undefined) complete = false;
    return value ?? whole;
  });
  return complete ? expanded : undefined;
}

/**
 * EVE takes blanks and quotes from both ends, puts the rest into quotes, and reads escapes within, of which it
 * knows `\u0022` for any character.
 */
function lineOf(name: string, value: string): string {
  const escaped = (character: string): string =>
    `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  const written = value.replaceAll(specials, (found) => [...found].map(escaped).join(""));
  const line = `${name}=${written}`;
  if (line.length <= lineMax) return line;
  const message = `variable ${name} has ${line.length} characters, a box of EVE takes ${lineMax}: mount it as a file`;
  throw new RenderError("CreateContainerConfigError", message);
}

function filesOf(name: string, { volumes, secrets }: Volumes): readonly ext.File[] {
  const source = volumes.find((volume) => volume.name === name)?.source;
  if (source?.case === "files") return source.value.files;
  return source?.case === "secretFiles" ? (secrets.get(source.value.key)?.files ?? []) : [];
}

/** EVE refuses a file without content, so an empty one comes packed. */
function contentOf(content: Uint8Array): { readonly encoding: string; readonly content: string } {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  if (content.length > 0) return { encoding: "b64", content: base64(content) };
  return { encoding: "gz+b64", content: base64(gzipSync(content)) };
}
