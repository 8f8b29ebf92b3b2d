/** Configurations of the node's ports, newest first, and how each has proved itself. Pure. */
import type { Instant } from "@selvedge/base";
import type { PortSpec } from "./port-spec.ts";

export interface PortConfig {
  /** Tells it from others. */
  readonly digest: string;
  readonly ports: readonly PortSpec[];
  /** Nobody's but the node's own. */
  readonly lastResort?: true;
  /** The fitter gave it, before any controller did. */
  readonly bootstrap?: true;
  readonly since: Instant;
  readonly lastFailed?: Instant;
  readonly lastSucceeded?: Instant;
  /** Empty while it works. */
  readonly lastError: string;
  /** Of single ports, by name; the others may do all the same. */
  readonly errors?: Readonly<Record<string, string>>;
}

/** How a configuration fared. */
export interface PortTrial {
  /** Why it does not lead to the controller; undefined: it does. */
  readonly error: string | undefined;
  /** Of single ports, by name. */
  readonly errors: Readonly<Record<string, string>>;
}

export interface PortBook {
  readonly configs: readonly PortConfig[];
  /** The one in force. */
  readonly current: number;
}

export const emptyBook: PortBook = { configs: [], current: 0 };

/** Kept besides the newest: the last that worked must be among them. */
const configsMax = 4;

/** With a new configuration in front; one that was there before comes to the front with what is known of it. */
export function withNewest(
  book: PortBook,
  config: Pick<PortConfig, "digest" | "ports" | "lastResort" | "bootstrap">,
  now: Instant,
): PortBook {
  const { digest } = config;
  const [first] = book.configs;
  if (first?.digest === digest) {
    if (first.bootstrap === config.bootstrap) return book;
    // Somebody else says the same; what is known of it holds.
    const { bootstrap: _, ...known } = first;
    return { ...book, configs: book.configs.with(0, { ...known, ...config }) };
  }
  const inForce = book.configs[book.current];
  const newest: PortConfig = { ...config, since: now, lastError: "" };
  const others = book.configs.filter((it) => it.digest !== digest);
  const kept = others.filter((it, at) => at < configsMax || it === inForce || it === lastGood(others));
  const configs = [newest, ...kept];
  return {
    configs,
    current:
      inForce === undefined
        ? 0
        : Math.max(
            0,
            configs.findIndex((it) => it.digest === inForce.digest),
          ),
  };
}

/**
 * With the node's own idea behind what it was told, or without: then it goes once what it was told works. It
 * stays as long as nothing else was ever said.
 */
export function withFallback(
  book: PortBook,
  fallback: Pick<PortConfig, "digest" | "ports"> | undefined,
  now: Instant,
): PortBook {
  const { configs, current } = book;
  if (isUntold(book)) return book;
  const inForce = configs[current];
  const told = configs.filter(({ lastResort }) => lastResort !== true);
  const works = told.some((it) => it.lastSucceeded !== undefined && !isFailing(it));
  const own = configs.filter(
    (it) => it.lastResort && (it === inForce || it.digest === fallback?.digest || !works),
  );
  const known = fallback === undefined || own.some(({ digest }) => digest === fallback.digest);
  const made = known ? [] : [{ ...fallback, lastResort: true as const, since: now, lastError: "" }];
  const all = [...told, ...own, ...made];
  if (all.length === configs.length && all.every((it, at) => it === configs[at])) return book;
  return { configs: all, current: inForce === undefined ? 0 : all.indexOf(inForce) };
}

/** Whether nobody has ever said how the ports are to be. */
export function isUntold({ configs }: PortBook): boolean {
  return configs.every(({ lastResort }) => lastResort === true);
}

/** Whether no controller has: what the fitter says counts until one does. */
export function isUnruled({ configs }: PortBook): boolean {
  return configs.every(({ lastResort, bootstrap }) => lastResort === true || bootstrap === true);
}

export type PortStep =
  /** Make it so and see whether the controller is reached. */
  | { readonly do: "try"; readonly index: number; readonly why: string }
  /** The one in force works as far as is known. */
  | { readonly do: "keep"; readonly againMs: number };

export interface StepTimes {
  /** How often the one in force is tested. */
  readonly testMs: number;
  /** How often a newer one that failed is tried again. */
  readonly betterMs: number;
}

/** Somebody may stand in front of a box that nobody has told anything, with the cable in his hand. */
const lastResortMs = 30_000;

/** What to do next. `tested` is when the one in force was last tried, undefined after a start. */
export function nextStep(
  book: PortBook,
  now: Instant,
  tested: Instant | undefined,
  times: StepTimes,
): PortStep {
  const { configs, current } = book;
  const [newest] = configs;
  if (newest === undefined) return { do: "keep", againMs: times.testMs };
  if (newest.lastFailed === undefined && newest.lastSucceeded === undefined)
    return { do: "try", index: 0, why: "it is new" };
  if (tested === undefined) return { do: "try", index: current, why: "the engine began" };
  const inForce = configs[current];
  if (inForce !== undefined && isFailing(inForce)) {
    // Each in turn, and the newest again when all have failed.
    const stays = isWished(inForce);
    const index = stays ? current : (current + 1) % configs.length;
    const all = inForce.lastResort ? Math.min(lastResortMs, times.testMs) : times.testMs;
    const pause = stays || current + 1 === configs.length ? all : 0;
    const left = tested + pause - now;
    return left > 0 ? { do: "keep", againMs: left } : { do: "try", index, why: "the one before fails" };
  }
  const betterIn =
    current === 0 || times.betterMs === 0
      ? Number.POSITIVE_INFINITY
      : (newest.lastFailed ?? 0) + times.betterMs - now;
  if (betterIn <= 0) return { do: "try", index: 0, why: "it may work by now" };
  const testIn = tested + times.testMs - now;
  if (testIn <= 0) return { do: "try", index: current, why: "it is time to look" };
  return { do: "keep", againMs: Math.min(testIn, betterIn) };
}

/** Two failures in a row are one too many for a configuration that worked; a new one has only one. */
export function withResult(book: PortBook, index: number, trial: PortTrial, now: Instant): PortBook {
  const { error, errors } = trial;
  const before = book.configs[index];
  if (before === undefined) return book;
  const after: PortConfig =
    error === undefined
      ? { ...before, lastSucceeded: successTime(before, now), lastError: "", errors }
      : { ...before, lastFailed: now, lastError: error, errors };
  const configs = book.configs.with(index, after);
  if (error === undefined) return { configs, current: index };
  if (isWished(after)) return { configs, current: index };
  // The one that failed makes way for the last that worked.
  const good = lastGood(configs);
  const fallback = good === undefined ? index : configs.indexOf(good);
  return { configs, current: fallback };
}

/**
 * Every way to the controller is as somebody beside the node wants it: nobody else knows better, so it stays in
 * force when it leads nowhere.
 */
function isWished({ ports }: PortConfig): boolean {
  const uplinks = ports.filter(({ uplink }) => uplink);
  return uplinks.length > 0 && uplinks.every(({ local }) => local === true);
}

/** A success is worth telling after a failure, and once in a while. */
const successEvery = 3_600_000;

function successTime(before: PortConfig, now: Instant): Instant {
  const { lastSucceeded } = before;
  if (lastSucceeded === undefined || isFailing(before) || now - lastSucceeded >= successEvery) return now;
  return lastSucceeded;
}

function lastGood(configs: readonly PortConfig[]): PortConfig | undefined {
  return configs
    .filter((it) => it.lastSucceeded !== undefined && !isFailing(it))
    .toSorted((left, right) => (right.lastSucceeded ?? 0) - (left.lastSucceeded ?? 0))[0];
}

/** It failed since it last worked. */
export function isFailing({ lastFailed, lastSucceeded }: PortConfig): boolean {
  return lastFailed !== undefined && lastFailed >= (lastSucceeded ?? 0);
}
