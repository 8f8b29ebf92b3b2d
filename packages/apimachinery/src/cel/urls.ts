/** URLs as Go reads them: an absolute URL, or an absolute path. */
export interface Url {
  readonly scheme: string;
  readonly host: string;
  /** As it is written where that is well-formed, else with all that must be escaped escaped. */
  readonly escapedPath: string;
  readonly query: string;
}

const escaped = /%[0-9a-fA-F]{2}/g;
/** What may stand in a host besides letters, digits and what is not ASCII. */
const hostCharacter = /^[\w.~!$&'()*+,;=:[\]<>"\x80-\u{10ffff}-]*$/u;
const pathCharacter = /^[\w.~!$&'()*+,;=:@[\]/%-]*$/;

/** The fault of the text, in Go's words without its beginning, or the URL. */
export function parseUrl(text: string): Url | string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) return "net/url: invalid control character in URL";
  if (text === "") return "empty url";
  const cut = text.indexOf("#");
  const whole = partsOf(text, true);
  if (typeof whole === "string" || cut < 0) return whole;
  if (/%(?![0-9a-fA-F]{2})/.test(text.slice(cut + 1))) return badEscape(text.slice(cut + 1));
  return partsOf(text.slice(0, cut), false);
}

function badEscape(text: string): string {
  const found = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(text)?.[0] ?? "%";
  return `invalid URL escape ${JSON.stringify(found)}`;
}

function partsOf(text: string, absolute: boolean): Url | string {
  const nothing = { scheme: "", host: "", escapedPath: "", query: "" };
  if (text === "*") return { ...nothing, escapedPath: "*" };
  if (text.startsWith(":")) return "missing protocol scheme";
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1] ?? "";
  const after = scheme === "" ? text : text.slice(scheme.length + 1);
  const mark = after.indexOf("?");
  const query = mark < 0 ? "" : after.slice(mark + 1);
  let rest = mark < 0 ? after : after.slice(0, mark);
  const begun = { ...nothing, scheme: scheme.toLowerCase(), query };
  if (!rest.startsWith("/")) {
    if (scheme !== "") return begun;
    if (absolute) return "invalid URI for request";
  }
  let host = "";
  if (rest.startsWith("//") && (scheme !== "" || (!absolute && !rest.startsWith("///")))) {
    const slash = rest.indexOf("/", 2);
    const found = hostOf(slash < 0 ? rest.slice(2) : rest.slice(2, slash));
    if (typeof found === "string") return found;
    ({ host } = found);
    rest = slash < 0 ? "" : rest.slice(slash);
  }
  if (/%(?![0-9a-fA-F]{2})/.test(rest)) return badEscape(rest);
  return { ...begun, host, escapedPath: escapedPath(rest) };
}

function hostOf(authority: string): { readonly host: string } | string {
  const at = authority.lastIndexOf("@");
  const [user, written] = at < 0 ? ["", authority] : [authority.slice(0, at), authority.slice(at + 1)];
  if (!/^[\w.~!$&'()*+,;=:@%-]*$/.test(user)) return "net/url: invalid userinfo";
  if (/%(?![0-9a-fA-F]{2})/.test(user)) return badEscape(user);
  const close = written.lastIndexOf("]");
  if (written.startsWith("[") && close < 0) return "missing ']' in host";
  const port = written.startsWith("[") ? written.slice(close + 1) : (/:[^:]*$/.exec(written)?.[0] ?? "");
  if (!/^(:\d*)?$/.test(port)) return `invalid port ${JSON.stringify(port)} after host`;
  const bad = /%(?![0-9a-fA-F]{2})/.test(written) ? badEscape(written) : undefined;
  if (bad !== undefined) return bad;
  const forbidden = written.match(escaped)?.find((one) => Number.parseInt(one.slice(1), 16) < 0x80);
  if (forbidden !== undefined && !(written.startsWith("[") && forbidden === "%25"))
    return `invalid URL escape ${JSON.stringify(forbidden)}`;
  const unescaped = written.replaceAll(escaped, "\u{80}");
  if (!hostCharacter.test(unescaped)) {
    const character = [...unescaped].find((one) => !hostCharacter.test(one)) ?? "";
    return `invalid character ${JSON.stringify(character)} in host name`;
  }
  return { host: decoded(written) };
}

function bytesOf(text: string): Uint8Array {
  const found: number[] = [];
  let from = 0;
  for (const match of text.matchAll(escaped)) {
    found.push(...new TextEncoder().encode(text.slice(from, match.index)));
    found.push(Number.parseInt(match[0].slice(1), 16));
    from = match.index + 3;
  }
  return Uint8Array.from([...found, ...new TextEncoder().encode(text.slice(from))]);
}

function decoded(text: string): string {
  return new TextDecoder().decode(bytesOf(text));
}

function escapedPath(path: string): string {
  if (pathCharacter.test(path)) return path;
  return Array.from(bytesOf(path), (byte) => {
    const character = String.fromCharCode(byte);
    if (/[\w.~$&+,/:;=@-]/.test(character)) return character;
    return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** The host without its port and brackets. */
export function hostname({ host }: Url): string {
  const bare = host.replace(/:\d*$/, "");
  return bare.startsWith("[") && bare.endsWith("]") ? bare.slice(1, -1) : bare;
}

export function portOf({ host }: Url): string {
  return /:(\d*)$/.exec(host)?.[1] ?? "";
}

/** What cannot be read is left out. */
export function queryOf({ query }: Url): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    if (pair === "" || pair.includes(";") || /%(?![0-9a-fA-F]{2})/.test(pair)) continue;
    const equals = pair.indexOf("=");
    const [key, value] = equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    const name = decoded(key.replaceAll("+", " "));
    values.set(name, [...(values.get(name) ?? []), decoded(value.replaceAll("+", " "))]);
  }
  return values;
}
