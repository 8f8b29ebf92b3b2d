import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { WayDriver, WayLink, WayQuestion } from "../way/way-driver.ts";
import { greet, ping } from "./ask.ts";
import { list, run } from "./run.ts";

interface Shown {
  readonly ifname: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

interface Route {
  readonly gateway?: string;
  readonly dev?: string;
}

/** Of the rules by which questions leave by their cards; they are gone when the questions are answered. */
const priority = 7650;
/** One a question: a box has a handful of cards, and asks few servers at a time by each. */
const tables = { first: 7650, count: 49 } as const;

/** Asks from the network namespace this process runs in. */
export class LinuxWayDriver implements WayDriver {
  readonly #taken = new Set<number>();
  /** What an engine left that was killed while it asked is taken away first. */
  #cleared: Promise<void> | undefined;

  async links(): Promise<ReadonlyMap<string, WayLink>> {
    const none = (): readonly Route[] => [];
    const [shown, four, six] = await Promise.all([
      list<Shown>("ip", ["-j", "addr", "show"]),
      list<Route>("ip", ["-j", "-4", "route", "show", "default"]),
      list<Route>("ip", ["-j", "-6", "route", "show", "default"]).catch(none),
    ]);
    return new Map(
      shown.map(({ ifname, mtu = 1500, flags = [], addr_info = [] }): [string, WayLink] => {
        const addresses = addr_info
          .filter(({ scope }) => scope === "global")
          .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
        const gateways = [...four, ...six].flatMap(({ dev, gateway }) =>
          dev === ifname && gateway !== undefined ? [gateway] : [],
        );
        return [ifname, { up: flags.includes("LOWER_UP"), addresses, gateways: [...new Set(gateways)], mtu }];
      }),
    );
  }

  async ask(question: WayQuestion, signal: AbortSignal): Promise<void> {
    const { card, address, family, remote, limitMs } = question;
    const version = family === "ip" ? 4 : 6;
    if (remote.method === "icmp") return await ping(remote.host, card, version, Math.ceil(limitMs / 1000));
    const { host: name, port } = remote;
    const host = isIP(name) === 0 ? (await lookup(name, { family: version })).address : name;
    const end = await this.#lead(question, host, port);
    try {
      await greet({ host, port }, address, limitMs, signal);
    } finally {
      await end();
    }
  }

  /** A question's own way: by its card, whichever the node's table prefers. Returns how it ends. */
  async #lead(
    { card, family, address, gateway }: WayQuestion,
    host: string,
    port: number,
  ): Promise<() => Promise<void>> {
    this.#cleared ??= clear();
    await this.#cleared;
    let table: number = tables.first;
    while (this.#taken.has(table)) table++;
    if (table >= tables.first + tables.count)
      throw new Error(`more than ${tables.count} servers are asked at a time`);
    this.#taken.add(table);
    const which = family === "ip" ? "-4" : "-6";
    const rule = `priority ${priority} from ${address} to ${host} ipproto tcp dport ${port} table ${table}`;
    const end = async (): Promise<void> => {
      const lines = [`rule del ${rule}`, `route flush table ${table}`].join("\n");
      // Its card may be gone, and with it all that led by it.
      await run("ip", [which, "-force", "-batch", "-"], lines).catch(() => "");
      this.#taken.delete(table);
    };
    const lines = [`route replace default via ${gateway} dev ${card} table ${table}`, `rule add ${rule}`];
    try {
      await run("ip", [which, "-batch", "-"], lines.join("\n"));
    } catch (error) {
      await end();
      throw error;
    }
    return end;
  }
}

async function clear(): Promise<void> {
  for (const which of ["-4", "-6"]) {
    const rules = await list<{ priority: number }>("ip", ["-j", which, "rule", "show"]).catch(() => []);
    for (const rule of rules)
      if (rule.priority === priority) await run("ip", [which, "rule", "del", "priority", `${priority}`]);
  }
}
