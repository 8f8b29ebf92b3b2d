/** Where the next page of a list begins: upstream's form of it, and its words for what is none. Pure. */
import { jsonFault } from "@selvedge/apimachinery";
import { badRequest } from "./refusals.ts";

export interface Place {
  /** Undefined: the newest. */
  readonly revision: number | undefined;
  readonly after: string;
  /** How many there are from here, where the first page has counted. */
  readonly remaining: number | undefined;
}

const form = "meta.k8s.io/v1";

/** Opaque to clients; a revision of -1 goes on at the newest. */
export function writeContinue({ revision, after, remaining }: Place, prefix: string): string {
  const token = {
    ...{ v: form, rv: revision ?? -1, start: `${after.slice(prefix.length)}\u0000` },
    ...(remaining === undefined ? {} : { remaining }),
  };
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

export function readContinue(text: string, prefix: string): Place {
  const { v = "", rv = 0, start = "", remaining } = tokenIn(text);
  if (v !== form) throw refused(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw refused(`incorrect encoded start resourceVersion (version ${form})`);
  if (start === "") throw refused(`encoded start key empty (version ${form})`);
  // Nothing outside of what is listed.
  if (/(^|\/)\.{0,2}\/|\/\.{0,2}$|^\.{1,2}$/.test(start)) throw refused(start);
  const known = rv > 0 && typeof remaining === "number" ? remaining : undefined;
  return { revision: rv < 0 ? undefined : rv, after: prefix + start.split("\u0000")[0], remaining: known };
}

interface Token {
  readonly v?: string;
  readonly rv?: number;
  readonly start?: string;
  readonly remaining?: unknown;
}

const members: Readonly<Record<string, readonly [type: string, goType: string]>> = {
  ...{ v: ["string", "string"], rv: ["number", "int64"], start: ["string", "string"] },
};

function tokenIn(text: string): Token {
  const odd = text.search(/[^\w-]/);
  const at = odd >= 0 ? odd : text.length % 4 === 1 ? text.length - 1 : -1;
  if (at >= 0) throw refused(`illegal base64 data at input byte ${at}`);
  const json = Buffer.from(text, "base64url").toString();
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw refused(jsonFault(json) ?? "not JSON", error);
  }
  if (typeof value !== "object" || Array.isArray(value))
    throw refused(`json: cannot unmarshal ${nameOf(value)} into Go value of type storage.continueToken`);
  for (const [name, [type, goType]] of Object.entries(members)) {
    const member = (value as Record<string, unknown> | null)?.[name] ?? undefined;
    if (member === undefined) continue;
    const fits = typeof member === type && (type === "string" || Number.isSafeInteger(member));
    const said = type === "number" && typeof member === "number" ? `number ${member}` : nameOf(member);
    const into = `Go struct field continueToken.${name} of type ${goType}`;
    if (!fits) throw refused(`json: cannot unmarshal ${said} into ${into}`);
  }
  return (value ?? {}) as Token;
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function refused(why: string, cause?: unknown): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`, cause);
}
