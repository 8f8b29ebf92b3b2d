/** What the command line says about who may use the API, and about writing down what they do. */
import { readFileSync } from "node:fs";
import { parseYamlBody } from "@selvedge/apimachinery";
import { type AuditPolicy, parseAuditPolicy, type User } from "@selvedge/apiserver";
import { describeError } from "@selvedge/base";
import { FlagError } from "../address.ts";

export interface AccessFlags {
  /** Who says so in tokens of ServiceAccounts. */
  readonly serviceAccountIssuer: string;
  /** Users by the SHA-256 of their token. */
  readonly tokens: ReadonlyMap<string, User>;
  readonly audit: AuditFlags | undefined;
}

export interface AuditFlags {
  readonly policy: AuditPolicy;
  /** "-" is standard output. */
  readonly path: string;
  readonly megabytesMax: number;
  readonly backupsMax: number;
  readonly daysMax: number;
}

export const accessUsage = `  --service-account-issuer URL who says so in tokens of ServiceAccounts
                             (default https://kubernetes.default.svc)
  --token-auth-file FILE     users who come with a token; a line each: SHA256,USER,UID,"GROUP,GROUP" where SHA256 is
                             the token's digest in hex (printf %s TOKEN | sha256sum), as the token itself is not kept
  --audit-policy-file FILE   what to write down of requests: a Policy of audit.k8s.io/v1
  --audit-log-path FILE      where, a JSON object a line; - is standard output
  --audit-log-maxsize MB     put the file aside when it is so large                      (default 100)
  --audit-log-maxbackup N    keep so many of those; 0 for all                            (default 10)
  --audit-log-maxage DAYS    keep them for so long; 0 for ever                           (default 0)
`;

type TextOption = { readonly type: "string"; readonly default?: string };

export const accessOptions: {
  readonly "service-account-issuer": { readonly type: "string"; readonly default: string };
  readonly "token-auth-file": TextOption;
  readonly "audit-policy-file": TextOption;
  readonly "audit-log-path": TextOption;
  readonly "audit-log-maxsize": TextOption;
  readonly "audit-log-maxbackup": TextOption;
  readonly "audit-log-maxage": TextOption;
} = {
  "service-account-issuer": { type: "string", default: "https://kubernetes.default.svc" },
  "token-auth-file": { type: "string" },
  "audit-policy-file": { type: "string" },
  "audit-log-path": { type: "string" },
  "audit-log-maxsize": { type: "string", default: "100" },
  "audit-log-maxbackup": { type: "string", default: "10" },
  "audit-log-maxage": { type: "string", default: "0" },
};

type Values = Readonly<Partial<Record<keyof typeof accessOptions, string>>>;

export function parseAccessFlags(values: Values): AccessFlags {
  const file = values["token-auth-file"];
  return {
    serviceAccountIssuer: issuer(values["service-account-issuer"] ?? ""),
    tokens: file === undefined ? new Map() : tokensIn(read("--token-auth-file", file), file),
    audit: audit(values),
  };
}

function issuer(text: string): string {
  if (URL.parse(text)?.protocol === "https:") return text;
  throw new FlagError(`--service-account-issuer: ${text} is no https URL`);
}

function audit(values: Values): AuditFlags | undefined {
  const { "audit-policy-file": file, "audit-log-path": path } = values;
  if (file === undefined && path === undefined) return undefined;
  if (file === undefined)
    throw new FlagError("--audit-log-path: needs --audit-policy-file, which says what to write");
  if (path === undefined)
    throw new FlagError("--audit-policy-file: needs --audit-log-path, which says where to write");
  try {
    return {
      policy: parseAuditPolicy(parseYamlBody(read("--audit-policy-file", file)).value),
      path,
      megabytesMax: whole(values, "audit-log-maxsize", 1),
      backupsMax: whole(values, "audit-log-maxbackup", 0),
      daysMax: whole(values, "audit-log-maxage", 0),
    };
  } catch (error) {
    if (error instanceof FlagError) throw error;
    throw new FlagError(`--audit-policy-file: ${file}: ${describeError(error)}`, { cause: error });
  }
}

function whole(values: Values, name: keyof typeof accessOptions, least: number): number {
  const text = values[name] ?? "";
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least) return number;
  throw new FlagError(`--${name}: ${text} is no whole number of at least ${least}`);
}

function read(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new FlagError(`${flag}: ${file} cannot be read`, { cause });
  }
}

const linePattern = /^([0-9a-f]{64}),([^",]+),([^",]*)(?:,(?:"([^"]*)"|([^",]*)))?$/;

/** Empty lines and those that begin with # say nothing. */
function tokensIn(text: string, file: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const match = linePattern.exec(line.trim());
    if (match === null) {
      const form = 'SHA256,USER,UID,"GROUP,GROUP" with the digest of the token in hex, not the token';
      throw new FlagError(`--token-auth-file: line ${index + 1} of ${file} is not ${form}`);
    }
    const [, digest = "", name = "", uid = "", quoted, bare] = match;
    const groups = (quoted ?? bare ?? "").split(",").filter((group) => group !== "");
    users.set(digest, { name, groups, ...(uid && { uid }) });
  }
  return users;
}
