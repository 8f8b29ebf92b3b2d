/** Kubernetes' own types in rules: amounts, addresses, URLs, versions, formats. */
import {
  containsIp,
  formatIp,
  type IpAddress,
  type IpRange,
  isMapped,
  masked,
  parseCidr,
  parseIp,
} from "../ip-address.ts";
import {
  dns1035LabelFaults,
  dnsLabelFaults,
  dnsSubdomainFaults,
  labelValueFaults,
  qualifiedNameFaults,
} from "../names.ts";
import { type Nano, parseQuantity } from "../quantity.ts";
import { formats } from "../structural/formats.ts";
import type { FunctionTable } from "./overloads.ts";
import { addSemver } from "./semver-library.ts";
import { hostname, parseUrl, portOf, queryOf, type Url } from "./urls.ts";
import { EvaluationError, MadeMap, none, OpaqueValue, OptionalValue } from "./values.ts";

export function addKubeLibrary(table: FunctionTable): void {
  addQuantities(table);
  addAddresses(table);
  addUrls(table);
  addFormats(table);
  addSemver(table);
}

function amountOf({ value }: OpaqueValue): Nano {
  return value as Nano;
}

const billion = 1_000_000_000n;

function quantity(amount: Nano): OpaqueValue {
  return new OpaqueValue("kubernetes.Quantity", amount, (other) => other === amount);
}

function addQuantities(table: FunctionTable): void {
  table.add("quantity(string) quantity", (text: string) => {
    const amount = parseQuantity(text);
    if (amount !== undefined) return quantity(amount);
    const must =
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    throw new EvaluationError(must);
  });
  table.add("isQuantity(string) bool", (text: string) => parseQuantity(text) !== undefined);
  table.add(
    "quantity.isGreaterThan(quantity) bool",
    (a: OpaqueValue, b: OpaqueValue) => amountOf(a) > amountOf(b),
  );
  table.add(
    "quantity.isLessThan(quantity) bool",
    (a: OpaqueValue, b: OpaqueValue) => amountOf(a) < amountOf(b),
  );
  table.add("quantity.compareTo(quantity) int", (a: OpaqueValue, b: OpaqueValue) =>
    amountOf(a) < amountOf(b) ? -1n : amountOf(a) > amountOf(b) ? 1n : 0n,
  );
  const sign = (a: OpaqueValue): bigint => (amountOf(a) < 0n ? -1n : amountOf(a) > 0n ? 1n : 0n);
  table.add("quantity.sign() int", sign);
  // Upstream's documents have it as a member, its program as this.
  table.add("sign(quantity) int", sign);
  const isInteger = (a: OpaqueValue): boolean =>
    amountOf(a) % billion === 0n && BigInt.asIntN(64, amountOf(a) / billion) === amountOf(a) / billion;
  table.add("quantity.isInteger() bool", isInteger);
  table.add("quantity.asInteger() int", (a: OpaqueValue) => {
    if (!isInteger(a)) throw new EvaluationError("cannot convert value to integer");
    return amountOf(a) / billion;
  });
  table.add("quantity.asApproximateFloat() double", (a: OpaqueValue) => Number(amountOf(a)) / 1e9);
  const whole = (value: unknown): Nano =>
    typeof value === "bigint" ? value * billion : amountOf(value as OpaqueValue);
  for (const type of ["quantity", "int"]) {
    table.add(`quantity.add(${type}) quantity`, (a: OpaqueValue, b: unknown) =>
      quantity(amountOf(a) + whole(b)),
    );
    table.add(`quantity.sub(${type}) quantity`, (a: OpaqueValue, b: unknown) =>
      quantity(amountOf(a) - whole(b)),
    );
  }
}

function ip(address: IpAddress): OpaqueValue {
  const same = (other: unknown): boolean => formatIp(other as IpAddress) === formatIp(address);
  return new OpaqueValue("net.IP", address, same, address.family === 4 ? 4 : 16);
}

function cidr(range: IpRange): OpaqueValue {
  const text = ({ address, prefix }: IpRange): string => `${formatIp(address)}/${prefix}`;
  const same = (other: unknown): boolean => text(other as IpRange) === text(range);
  return new OpaqueValue("net.CIDR", range, same, Math.ceil(range.prefix / 8));
}

function readIp(text: string): IpAddress {
  const address = plainIp(text);
  if (address !== undefined) return address;
  throw new EvaluationError(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
}

/** An IPv4 address in IPv6's clothes is neither here. */
function plainIp(text: string): IpAddress | undefined {
  const address = parseIp(text);
  return address === undefined || isMapped(address) ? undefined : address;
}

function plainCidr(text: string): IpRange | undefined {
  const range = parseCidr(text);
  return range === undefined || isMapped(range.address) ? undefined : range;
}

function readCidr(text: string): IpRange {
  const range = plainCidr(text);
  if (range !== undefined) return range;
  throw new EvaluationError(
    `network address parse error during conversion from string: ${JSON.stringify(text)}`,
  );
}

/** Whether the address begins with these bits. */
function within(text: string): (address: IpAddress) => boolean {
  const range = readCidr(text);
  return (address) => containsIp(range, address);
}

const loopback = [within("127.0.0.0/8"), within("::1/128")];
const linkLocal = [within("169.254.0.0/16"), within("fe80::/10")];
const multicastLocal = [within("224.0.0.0/24"), within("ff02::/16")];
const multicast = [within("224.0.0.0/4"), within("ff00::/8")];
const any = (ranges: readonly ((address: IpAddress) => boolean)[], address: IpAddress): boolean =>
  ranges.some((range) => range(address));
const isUnspecified = ({ value }: IpAddress): boolean => value === 0n;

const addressTests: Readonly<Record<string, (address: IpAddress) => boolean>> = {
  isUnspecified,
  isLoopback: (address) => any(loopback, address),
  isLinkLocalMulticast: (address) => any(multicastLocal, address),
  isLinkLocalUnicast: (address) => any(linkLocal, address),
  isGlobalUnicast: (address) =>
    !isUnspecified(address) &&
    !any([...loopback, ...linkLocal, ...multicast], address) &&
    !(address.family === 4 && address.value === 0xffffffffn),
};

function addAddresses(table: FunctionTable): void {
  table.add("ip(string) ip", (text: string) => ip(readIp(text)));
  table.add("isIP(string) bool", (text: string) => plainIp(text) !== undefined);
  table.add("ip::isCanonical(string) bool", (text: string) => formatIp(readIp(text)) === text);
  table.add("ip.family() int", ({ value }: OpaqueValue) => BigInt((value as IpAddress).family));
  for (const [name, test] of Object.entries(addressTests)) {
    table.add(`ip.${name}() bool`, ({ value }: OpaqueValue) => test(value as IpAddress));
  }
  table.add("string(ip) string", ({ value }: OpaqueValue) => formatIp(value as IpAddress));
  table.add("cidr(string) cidr", (text: string) => cidr(readCidr(text)));
  table.add("isCIDR(string) bool", (text: string) => plainCidr(text) !== undefined);
  table.add("string(cidr) string", ({ value }: OpaqueValue) => {
    const { address, prefix } = value as IpRange;
    return `${formatIp(address)}/${prefix}`;
  });
  const holdsIp = ({ value }: OpaqueValue, address: IpAddress): boolean =>
    containsIp(value as IpRange, address);
  const holdsCidr = ({ value }: OpaqueValue, part: IpRange): boolean => {
    const range = value as IpRange;
    return part.prefix >= range.prefix && containsIp(range, part.address);
  };
  table.add("cidr.containsIP(ip) bool", (range: OpaqueValue, { value }: OpaqueValue) =>
    holdsIp(range, value as IpAddress),
  );
  table.add("cidr.containsIP(string) bool", (range: OpaqueValue, text: string) =>
    holdsIp(range, readIp(text)),
  );
  table.add("cidr.containsCIDR(cidr) bool", (range: OpaqueValue, { value }: OpaqueValue) =>
    holdsCidr(range, value as IpRange),
  );
  table.add("cidr.containsCIDR(string) bool", (range: OpaqueValue, text: string) =>
    holdsCidr(range, readCidr(text)),
  );
  table.add("cidr.ip() ip", ({ value }: OpaqueValue) => ip((value as IpRange).address));
  table.add("cidr.masked() cidr", ({ value }: OpaqueValue) => cidr(masked(value as IpRange)));
  table.add("cidr.prefixLength() int", ({ value }: OpaqueValue) => BigInt((value as IpRange).prefix));
}

function addUrls(table: FunctionTable): void {
  table.add("url(string) url", (text: string) => {
    const url = parseUrl(text);
    if (typeof url === "string")
      throw new EvaluationError(`URL parse error during conversion from string: ${urlFault(text, url)}`);
    const same = (other: unknown): boolean => JSON.stringify(other) === JSON.stringify(url);
    return new OpaqueValue("kubernetes.URL", url, same);
  });
  table.add("isURL(string) bool", (text: string) => typeof parseUrl(text) !== "string");
  const of = ({ value }: OpaqueValue): Url => value as Url;
  table.add("url.getScheme() string", (url: OpaqueValue) => of(url).scheme);
  table.add("url.getHost() string", (url: OpaqueValue) => of(url).host);
  table.add("url.getHostname() string", (url: OpaqueValue) => hostname(of(url)));
  table.add("url.getPort() string", (url: OpaqueValue) => portOf(of(url)));
  table.add("url.getEscapedPath() string", (url: OpaqueValue) => of(url).escapedPath);
  table.add("url.getQuery() map(string, list(string))", (url: OpaqueValue) => new MadeMap(queryOf(of(url))));
}

function urlFault(text: string, fault: string): string {
  return `parse ${JSON.stringify(text)}: ${fault}`;
}

const prefix =
  (check: (text: string) => string[]) =>
  (text: string): string[] =>
    check(text.endsWith("-") ? `${text}a` : text);
const byFormat =
  (name: string, fault: string) =>
  (text: string): string[] =>
    formats[name]?.(text) === true ? [] : [fault];

/** By name, what is wrong with a text. */
const namedFormats: Readonly<Record<string, (text: string) => string[]>> = {
  dns1123Label: dnsLabelFaults,
  dns1123Subdomain: dnsSubdomainFaults,
  dns1035Label: dns1035LabelFaults,
  qualifiedName: qualifiedNameFaults,
  labelValue: labelValueFaults,
  dns1123LabelPrefix: prefix(dnsLabelFaults),
  dns1123SubdomainPrefix: prefix(dnsSubdomainFaults),
  dns1035LabelPrefix: prefix(dns1035LabelFaults),
  uri: (text) => {
    const url = parseUrl(text);
    return typeof url === "string" ? [urlFault(text, url)] : [];
  },
  uuid: byFormat("uuid", "does not match the UUID format"),
  byte: byFormat("byte", "invalid base64"),
  date: byFormat("date", "invalid date"),
  datetime: byFormat("datetime", "invalid datetime"),
};

/** How long the pattern of each is taken to be: what asking it costs by. Upstream's. */
const patternSizes: Readonly<Record<string, number>> = {
  ...{ dns1123Label: 30, dns1123LabelPrefix: 30, dns1035Label: 30, dns1035LabelPrefix: 30, labelValue: 40 },
  ...{ dns1123Subdomain: 60, dns1123SubdomainPrefix: 60, qualifiedName: 60 },
  ...{ uri: 1103, uuid: 70, byte: 84, date: 71, datetime: 71 },
};

function addFormats(table: FunctionTable): void {
  const format = (name: string): OpaqueValue =>
    new OpaqueValue("kubernetes.NamedFormat", name, (other) => other === name, patternSizes[name]);
  for (const name of Object.keys(namedFormats)) table.add(`format::${name}() format`, () => format(name));
  table.add("format::named(string) optional(format)", (name: string) =>
    Object.hasOwn(namedFormats, name) ? new OptionalValue(true, format(name)) : none,
  );
  table.add("format.validate(string) optional(list(string))", ({ value }: OpaqueValue, text: string) => {
    const faults = namedFormats[String(value)]?.(text) ?? [];
    return faults.length === 0 ? none : new OptionalValue(true, faults);
  });
}
