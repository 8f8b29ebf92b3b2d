import { type ChildProcess, spawn } from "node:child_process";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BoundedQueue, type Clock } from "@selvedge/base";
import type { NftListing } from "../carry-over.ts";
import { placeOfDenied } from "../denied-sets.ts";
import type { EndedFlow, FlowNotes, FlowSource } from "../flow-log.ts";
import { tableNames } from "../ruleset.ts";
import { parseDenied, parseEnded, parseQueries } from "./flow-parse.ts";
import { readText, run } from "./run.ts";

/** Connections that ended and were not asked for yet: the oldest give way. */
const endedMax = 4096;
/** Of one resolver's log between two looks. */
const logMax = 4 * 2 ** 20;

export interface LinuxFlowOptions {
  readonly prefix: string;
  /** Where the resolvers of the networks write. */
  readonly folder: string;
  readonly clock: Clock;
}

/** The kernel's connection table, the sets of what was denied, and what the resolvers were asked. */
export class LinuxFlowSource implements FlowSource, Disposable {
  readonly #options: LinuxFlowOptions;
  readonly #ended = new BoundedQueue<EndedFlow>(endedMax);
  #watcher: ChildProcess | undefined;

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
    const ended = this.#ended.drain();
    return { ended, denied: await this.#denied(), queries: await this.#queries() };
  }

  [Symbol.dispose](): void {
    this.#watcher?.kill();
    this.#watcher = undefined;
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
