/** How it is found out whether a modem leads anywhere. Pure. */

/** What is asked beyond its network, when nobody in it answers. */
export type ModemProbe =
  /** Nobody is asked at all. */
  | { readonly kind: "none" }
  /** Without a host a server that everybody reaches. */
  | { readonly kind: "ping"; readonly host?: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export type ModemQuestion =
  | { readonly kind: "dns"; readonly host: string }
  | { readonly kind: "ping"; readonly host: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface ModemSurroundings {
  readonly probe: ModemProbe | undefined;
  /** `host:port`; undefined: there is none. */
  readonly proxy: string | undefined;
  /** What its network told it. */
  readonly dns: readonly string[];
  /** Its own addresses, without prefix length. */
  readonly addresses: readonly string[];
}

/** EVE's, and the same servers by their other family. */
const everybodysServer = { ipv4: "8.8.8.8", ipv6: "2001:4860:4860::8888" } as const;
/** More than a network tells. */
const dnsMax = 3;

/**
 * Whom to ask, round by round: one answer is enough, and the next round is asked only where there is none. Who is
 * in the modem's own network comes first: that costs nothing, and private networks often lead no further.
 */
export function questionsOf({ probe, proxy, dns, addresses }: ModemSurroundings): ModemQuestion[][] {
  if (probe?.kind === "none") return [];
  const [, host = "", port = ""] = /^\[?([^\]]*)\]?:(\d+)$/.exec(proxy ?? "") ?? [];
  const near: ModemQuestion[] = dns.slice(0, dnsMax).map((server) => ({ kind: "dns", host: server }));
  // A name would have to be looked up first, by servers that are asked anyway.
  if (/^[\d.]+$|:/.test(host)) near.push({ kind: "tcp", host, port: Number(port) });
  const isFour = addresses.length === 0 || addresses.some((it) => !it.includes(":"));
  const server = everybodysServer[isFour ? "ipv4" : "ipv6"];
  const far: ModemQuestion =
    probe?.kind === "tcp" ? probe : { kind: "ping", host: (probe?.kind === "ping" && probe.host) || server };
  return [near, [far]].filter((round) => round.length > 0);
}

/** The address of ours by which somebody is asked; undefined: we have none of that family. */
export function addressFor(host: string, addresses: readonly string[]): string | undefined {
  if (!/^[\d.]+$|:/.test(host)) return addresses[0];
  return addresses.find((it) => it.includes(":") === host.includes(":"));
}
