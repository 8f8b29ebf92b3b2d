/** MIME multipart as user data may be: each part is a file of the CD, by the name in its disposition. */
import { ContainerConfigError } from "../container-config.ts";
import type { VmSeed } from "../hypervisor.ts";

/** More would be no configuration any more. */
const partsMax = 64;

/** Undefined when the text is no multipart at all. */
export function readMultipart(text: string): VmSeed["files"] | undefined {
  const { headers, body } = split(text.replace(/\r\n/g, "\n"));
  const type = headers.get("content-type") ?? "";
  const boundary = parameter(type, "boundary");
  if (!/^multipart\//i.test(type) || boundary === undefined) return undefined;
  const [, ...parts] = `\n${body}`.split(`\n--${boundary}`);
  if (parts.at(-1)?.startsWith("--") !== true)
    throw new ContainerConfigError(`userData: the multipart does not end with --${boundary}--`);
  parts.pop();
  if (parts.length > partsMax)
    throw new ContainerConfigError(
      `userData: the multipart has ${parts.length} parts, ${partsMax} are allowed`,
    );
  return parts.map((part, at) => fileOf(part.replace(/^[ \t]*\n/, ""), at));
}

function fileOf(part: string, at: number): VmSeed["files"][number] {
  const { headers, body } = split(part);
  const name = parameter(headers.get("content-disposition") ?? "", "filename") ?? "";
  const parts = name.split("/").filter((it) => it !== "" && it !== ".");
  if (parts.length === 0)
    throw new ContainerConfigError(`userData: part ${at + 1} of the multipart has no filename`);
  if (parts.includes(".."))
    throw new ContainerConfigError(
      `userData: part ${at + 1} of the multipart leads outside of the CD: ${name}`,
    );
  return {
    path: parts.join("/"),
    content: decoded(body, headers.get("content-transfer-encoding") ?? "", at),
  };
}

function decoded(body: string, encoding: string, at: number): Uint8Array {
  switch (encoding.toLowerCase()) {
    case "":
    case "7bit":
    case "8bit":
    case "binary":
      return new TextEncoder().encode(body);
    case "base64":
      try {
        return Uint8Array.fromBase64(body.replace(/\s+/g, ""));
      } catch (cause) {
        throw new ContainerConfigError(`userData: part ${at + 1} of the multipart is not base64`, { cause });
      }
    default:
      throw new ContainerConfigError(
        `userData: part ${at + 1} of the multipart is ${encoding}; use base64, 7bit or 8bit`,
      );
  }
}

/** Header lines, of which one that begins with a blank goes on the one before, then an empty line, then the rest. */
function split(text: string): { headers: Map<string, string>; body: string } {
  const end = text.startsWith("\n") ? 0 : text.indexOf("\n\n") + 1;
  const head = text.slice(0, end).replace(/\n[ \t]+/g, " ");
  const headers = new Map<string, string>();
  for (const line of head.split("\n")) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) headers.set(name.toLowerCase(), value);
  }
  return { headers, body: text.slice(end + 1) };
}

function parameter(value: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^\\s;]+))`, "i").exec(value);
  return match?.[1] ?? match?.[2];
}
