/** Lines of conntrack, listings of nft and logs of dnsmasq, read. Pure. */
import { type Instant, instant } from "@selvedge/base";
import type { CountedFlow, DeniedFlow, DnsQuery } from "../flow-log.ts";

/** A line of `conntrack -E -e DESTROY -o timestamp`; undefined when it is none. */
export function parseEnded(line: string): CountedFlow | undefined {
  const [, stamp] = /^\[(\d+\.\d+)/.exec(line) ?? [];
  const [, rest] = /\[DESTROY\]\s+(.*)$/.exec(line) ?? [];
  if (stamp === undefined || rest === undefined) return undefined;
  return parseFlow(rest, instant(Math.round(Number(stamp) * 1000)));
}

/** A line of `conntrack -L`, of a connection that has lasted so many seconds; undefined when it has not. */
export function parseLasting(line: string, atLeast: number, now: Instant): CountedFlow | undefined {
  const lasts = Number(/ delta-time=(\d+)/.exec(line)?.[1] ?? 0);
  return lasts < atLeast ? undefined : parseFlow(line, now);
}

/** What is the same in both, from the name of the protocol on. */
function parseFlow(line: string, endedAt: Instant): CountedFlow | undefined {
  const [, protocol] = /^\S+\s+(\d+)/.exec(line) ?? [];
  const sides = [...line.matchAll(/src=(\S+) dst=(\S+)(.*?)packets=(\d+) bytes=(\d+)/g)];
  const [there, back] = sides;
  if (protocol === undefined || there === undefined || back === undefined) return undefined;
  const port = (side: RegExpExecArray, name: string): number =>
    Number(new RegExp(`${name}=(\\d+)`).exec(side[3] ?? "")?.[1] ?? 0);
  const counted = (side: RegExpExecArray): CountedFlow["sent"] => ({
    packets: BigInt(side[4] ?? 0),
    bytes: BigInt(side[5] ?? 0),
  });
  const seconds = Number(/ delta-time=(\d+)/.exec(line)?.[1] ?? 0);
  return {
    ...{ protocol: Number(protocol), source: there[1] ?? "", target: there[2] ?? "", reached: back[1] ?? "" },
    ...{
      sourcePort: port(there, "sport"),
      targetPort: port(there, "dport"),
      reachedPort: port(back, "sport"),
    },
    ...{ sent: counted(there), answered: counted(back) },
    mark: Number(/ mark=(\d+)/.exec(line)?.[1] ?? 0),
    ...{ startedAt: instant(endedAt - seconds * 1000), endedAt },
  };
}

interface DeniedElement {
  readonly elem?: {
    readonly val?: { readonly concat?: readonly (string | number)[] };
    readonly counter?: { readonly packets: number; readonly bytes: number };
  };
}

const protocols: Readonly<Record<string, number>> = {
  ...{ icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, "ipv6-icmp": 58, sctp: 132 },
};

/** Of `nft -j list table`: one set's elements; what nft cannot name it writes as a number. */
export function parseDenied(elements: readonly unknown[], place: number): DeniedFlow[] {
  return elements.flatMap((item): DeniedFlow[] => {
    const { elem } = item as DeniedElement;
    const [source, target, protocol, sourcePort = 0, targetPort = 0] = elem?.val?.concat ?? [];
    if (elem?.counter === undefined || target === undefined) return [];
    const { packets, bytes } = elem.counter;
    return [
      {
        ...{ source: String(source), target: String(target), place },
        protocol: protocols[String(protocol)] ?? (Number(protocol) || 0),
        ...{ sourcePort: Number(sourcePort), targetPort: Number(targetPort) },
        ...{ packets: BigInt(packets), bytes: BigInt(bytes) },
      },
    ];
  });
}

/**
 * Of dnsmasq's log with `log-queries=extra`: the queries of each client and what they were answered. The
 * log's times have no year, so all that was noted since the last look has the time of this one.
 */
export function parseQueries(log: string, now: Instant): DnsQuery[] {
  const found = new Map<string, { client: string; host: string; addresses: string[] }>();
  for (const line of log.split("\n")) {
    const [, serial = "", client = "", rest = ""] = /: (\d+) ([\da-f.:]+)\/\d+ (.*)$/.exec(line) ?? [];
    const kind = client.includes(":") ? "AAAA" : "A";
    const [, asked, host] = /^query\[(\w+)\] (\S+) from/.exec(rest) ?? [];
    if (host !== undefined && asked === kind) found.set(serial, { client, host, addresses: [] });
    const [, address] = /^(?:reply|cached|config|\S+) \S+ is ([\da-f.:]+)$/.exec(rest) ?? [];
    if (address !== undefined) found.get(serial)?.addresses.push(address);
  }
  return [...found.values()].map((it) => ({ ...it, at: now }));
}
