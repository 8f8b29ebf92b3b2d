import { isIP, isIPv6 } from "node:net";

/** Where to listen, or where others should dial: a host and a TCP port. */
export interface Address {
  /** A host name or an IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** An argument that cannot be used; the message names it and says what would do. */
export class FlagError extends Error {
  override name = "FlagError";
}

const portMax = 65_535;
/** RFC 1123 host names. */
const hostPattern =
  /^(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** Parses `HOST:PORT`, with an IPv6 host in brackets. `flag` is named in the error. */
export function parseAddress(text: string, flag: string): Address {
  const match = /^(?:\[(?<six>[^\]]*)\]|(?<host>[^:[\]]*)):(?<port>\d{1,6})$/.exec(text);
  const { six, host = "", port: digits = "" } = match?.groups ?? {};
  if (match === null) {
    const bare = isIPv6(text) ? `; write an IPv6 address in brackets: [${text}]:6443` : "";
    throw new FlagError(`${flag}: ${JSON.stringify(text)} is not HOST:PORT, like 127.0.0.1:6443${bare}`);
  }
  const port = Number(digits);
  if (port > portMax) throw new FlagError(`${flag}: port ${digits} is not one of 0 to ${portMax}`);
  if (six !== undefined && !isIPv6(six)) throw new FlagError(`${flag}: [${six}] is not an IPv6 address`);
  const name = six ?? host;
  const looksLikeNumbers = /^[\d.]+$/.test(name);
  if (six === undefined && (!hostPattern.test(name) || (looksLikeNumbers && isIP(name) === 0))) {
    throw new FlagError(`${flag}: ${JSON.stringify(name)} is neither a host name nor an IP address`);
  }
  return { host: name, port };
}

export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
