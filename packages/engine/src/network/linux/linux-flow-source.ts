import { type ChildProcess, spawn } from "node:child_process";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BoundedQueue, type Clock, describeError, type Log, type Millis, minutes } from "@selvedge/base";
import type { NftListing } from "../carry-over.ts";
import { placeOfDenied } from "../denied-sets.ts";
import type { CountedFlow, FlowNotes, FlowSource } from "../flow-log.ts";
import { LastingFlows, lastingMax } from "../lasting-flows.ts";
import { tableNames } from "../ruleset.ts";
import { parseDenied, parseEnded, parseLasting, parseQueries } from "./flow-parse.ts";
import { readText, run } from "./run.ts";

/** Connections that ended and were not asked for yet: the oldest give way. */
const endedMax = 4096;
/** What lasts is told so often, and a connection that is younger only when it ends. Routers do it at this pace. */
const lastingEvery = minutes(10);
/** Of one resolver's log between two looks. */
const logMax = 4 * 2 ** 20;

export interface LinuxFlowOptions {
  readonly prefix: string;
  /** Where the resolvers of the networks write. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How often what lasts is told; 10 minutes when unset. */
  readonly lastingEvery?: Millis;
}

/** The kernel's connection table, the sets of what was denied, and what the resolvers were asked. */
export class LinuxFlowSource implements FlowSource, Disposable {
  readonly #options: LinuxFlowOptions;
  readonly #ended = new BoundedQueue<CountedFlow>(endedMax);
  readonly #lasting = new LastingFlows();
  #watcher: ChildProcess | undefined;
  /** When it was looked last for what lasts. */
  #looked: number | undefined;

  constructor(options: LinuxFlowOptions) {
    this.#options = options;
  }

  watch(wanted: boolean): void {
    if (!wanted) this[Symbol.dispose]();
    if (!wanted || this.#watcher !== undefined) return;
    const watcher = spawn("conntrack", ["-E", "-e", "DESTROY", "-o", "timestamp"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const forget = (): void => {
      if (this.#watcher === watcher) this.#watcher = undefined;
    };
    watcher.once("error", forget);
    watcher.once("exit", forget);
    createInterface({ input: watcher.stdout }).on("line", (line) => {
      const flow = parseEnded(line);
      if (flow !== undefined) this.#ended.push(flow);
    });
    this.#watcher = watcher;
  }

  async collect(): Promise<FlowNotes> {
    // What ended before we look is told first: another may have its addresses and ports by now.
    const ended = this.#ended.drain().map((flow) => this.#lasting.ended(flow));
    const counted = [...ended, ...(await this.#lasts())];
    return { counted, denied: await this.#denied(), queries: await this.#queries() };
  }

  [Symbol.dispose](): void {
    this.#watcher?.kill();
    this.#watcher = undefined;
  }

  /** The pieces of what lasts, when it is time. The table may be long, so it is read line by line. */
  async #lasts(): Promise<CountedFlow[]> {
    const { clock, log, lastingEvery: every = lastingEvery } = this.#options;
    this.#looked ??= clock.monotonic();
    if (clock.monotonic() - this.#looked < every) return [];
    this.#looked = clock.monotonic();
    const found: CountedFlow[] = [];
    let left = 0;
    for (const family of ["ipv4", "ipv6"]) {
      for await (const line of this.#listed(family)) {
        const flow = parseLasting(line, every / 1000, clock.now());
        if (flow === undefined) continue;
        if (found.length >= lastingMax) left++;
        else found.push(...[this.#lasting.lasting(flow)].filter((piece) => piece !== undefined));
      }
    }
    if (left > 0) log.warn("more connections last than are told while they do", { told: lastingMax, left });
    return found;
  }

  async *#listed(family: string): AsyncGenerator<string> {
    const lister = spawn("conntrack", ["-L", "-f", family], { stdio: ["ignore", "pipe", "ignore"] });
    const failed = new Promise<string | undefined>((resolve) => {
      lister.once("error", (error) => resolve(describeError(error)));
      lister.once("close", (code) => resolve(code === 0 ? undefined : `it ends with ${code}`));
    });
    yield* createInterface({ input: lister.stdout });
    const error = await failed;
    if (error !== undefined) this.#options.log.warn("cannot look for connections that last", { error });
  }

  async #denied(): Promise<FlowNotes["denied"]> {
    const [, [family, table]] = tableNames(this.#options.prefix) as [unknown, [string, string]];
    const { nftables } = JSON.parse(await run("nft", ["-j", "list", "table", family, table])) as NftListing;
    const flows = nftables.flatMap(({ set }) => {
      const place = set === undefined ? undefined : placeOfDenied(set.name);
      if (set?.elem === undefined || place === undefined) return [];
      return [{ set: set.name, denied: parseDenied(set.elem, place) }];
    });
    // What comes between the two is not told, and was dropped all the same.
    const flush = flows.map(({ set }) => `flush set ${family} ${table} ${set}\n`).join("");
    if (flush !== "") await run("nft", ["-f", "-"], flush);
    return flows.flatMap(({ denied }) => denied);
  }

  async #queries(): Promise<FlowNotes["queries"]> {
    const { folder, clock } = this.#options;
    const names = (await readdir(folder)).filter((name) => name.endsWith(".queries"));
    const found = await Promise.all(
      names.map(async (name) => {
        const text = (await readText(join(folder, name))) ?? "";
        // The resolver writes to the end of what is there, wherever that is.
        if (text !== "") await truncate(join(folder, name));
        return parseQueries(text.slice(-logMax), clock.now());
      }),
    );
    return found.flat();
  }
}
