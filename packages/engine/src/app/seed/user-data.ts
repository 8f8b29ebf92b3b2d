/**
 * User data as EVE's apps have it. A container cannot read it itself: lines of NAME=value become its
 * variables, and of a `#cloud-config` the files are written and `runcmd` is read as such lines. A virtual
 * machine gets it on a CD, where its cloud-init looks.
 */
import { gunzipSync } from "node:zlib";
import type { AppSpec } from "../../desired.ts";
import type { SecretOpener } from "../../ports.ts";
import { ContainerConfigError } from "../container-config.ts";

export interface UserData {
  readonly environment: readonly (readonly [name: string, value: string])[];
  readonly files: readonly SeedFile[];
}

export interface SeedFile {
  /** From the root, without a slash at the beginning. */
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** What a compressed file may become. */
const unpackedMax = 10 * 2 ** 20;
const modeDefault = 0o644;

/** Opened anew each time and kept nowhere. */
export async function openUserData({ foreign }: AppSpec, secrets: SecretOpener): Promise<Uint8Array> {
  if (foreign === undefined) return new Uint8Array();
  const { userData, sealedUserData } = foreign;
  const base64 =
    sealedUserData === "" ? userData : await secrets.openUserData(Uint8Array.fromBase64(sealedUserData));
  try {
    return Uint8Array.fromBase64(base64);
  } catch (cause) {
    throw new ContainerConfigError("userData is not base64", { cause });
  }
}

function isCloudConfig(text: string): boolean {
  return text.startsWith("#cloud-config");
}

/** What a container is to have of it. */
export async function readUserData(bytes: Uint8Array): Promise<UserData> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not text: meant for something that this app may bring, not for us.
    return { environment: [], files: [] };
  }
  if (!isCloudConfig(text)) return { environment: environmentOf(text.split("\n")), files: [] };
  const config = await parseCloudConfig(text);
  const commands = listOf(config, "runcmd").filter((line) => typeof line === "string");
  const files = listOf(config, "write_files").map((item, at) => fileOf(item, `write_files[${at}]`));
  return { environment: environmentOf(commands), files };
}

/** Whether the guest is told its name by its own user data. */
export async function declaresHostname(text: string): Promise<boolean> {
  if (!isCloudConfig(text)) return false;
  const config = await parseCloudConfig(text).catch((): Record<string, unknown> => ({}));
  return Boolean(config["hostname"] || config["fqdn"] || config["preserve_hostname"]);
}

/** Loaded when there is something to read: most nodes never need it. */
async function parseCloudConfig(text: string): Promise<Record<string, unknown>> {
  const { parse } = await import("yaml");
  try {
    const config: unknown = parse(text, { maxAliasCount: 100 });
    if (typeof config === "object" && config !== null && !Array.isArray(config))
      return config as Record<string, unknown>;
    if (config === null) return {};
  } catch (cause) {
    throw new ContainerConfigError(`userData: the #cloud-config is not YAML: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new ContainerConfigError("userData: the #cloud-config is not a mapping");
}

function listOf(config: Record<string, unknown>, key: string): readonly unknown[] {
  const value = config[key] ?? [];
  if (!Array.isArray(value)) throw new ContainerConfigError(`userData: ${key} is not a list`);
  return value;
}

function fileOf(item: unknown, field: string): SeedFile {
  const { path, content, permissions, encoding } = (item ?? {}) as Record<string, unknown>;
  if (typeof path !== "string" || path === "")
    throw new ContainerConfigError(`userData: ${field} has no path`);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes(".."))
    throw new ContainerConfigError(`userData: ${field}.path ${path} leads outside of the root`);
  if (typeof content !== "string") throw new ContainerConfigError(`userData: ${field} has no content`);
  const mode = permissions === undefined ? modeDefault : modeOf(permissions);
  if (mode === undefined)
    throw new ContainerConfigError(
      `userData: ${field}.permissions ${String(permissions)} is not an octal number like "0644"`,
    );
  return { path: parts.join("/"), mode, content: decode(content, String(encoding ?? "plain"), field) };
}

/** YAML makes a number of an unquoted one: 0644 is 420 to an old reader, 644 to a new one. */
function modeOf(permissions: unknown): number | undefined {
  const text = String(permissions);
  return /^0?[0-7]{3,4}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function decode(content: string, encoding: string, field: string): Uint8Array {
  try {
    if (["plain", "text/plain", ""].includes(encoding)) return new TextEncoder().encode(content);
    if (["b64", "base64"].includes(encoding)) return Uint8Array.fromBase64(content);
    if (["gz+base64", "gzip+base64", "gz+b64", "gzip+b64"].includes(encoding))
      return new Uint8Array(gunzipSync(Uint8Array.fromBase64(content), { maxOutputLength: unpackedMax }));
  } catch (cause) {
    throw new ContainerConfigError(`userData: ${field}.content is not ${encoding}`, { cause });
  }
  throw new ContainerConfigError(
    `userData: ${field}.encoding ${encoding} is not known; use base64, gz+base64 or none`,
  );
}

/** As EVE reads them: blanks and double quotes around a name or value are not part of it. */
function environmentOf(lines: readonly string[]): [string, string][] {
  return lines.flatMap((line): [string, string][] => {
    const [, name, value] =
      /^[\s"]*(?:-\s+|export\s+)?([A-Za-z_][A-Za-z0-9_]*)[\s"]*=([\s\S]*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value.replace(/^[\s"]+|[\s"]+$/g, "")]];
  });
}
