/**
 * Feeds a decoder what nobody should send: recorded bytes with a few changes, and plain noise. Every case
 * has a number from which it is made again: SELVEDGE_SEED chooses another thousand worlds, SELVEDGE_CASE
 * runs one case alone, and SELVEDGE_FUZZ multiplies how many there are.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { below, SeededRandom } from "@selvedge/base";

const seed = Number(process.env["SELVEDGE_SEED"] ?? 1);
const one = process.env["SELVEDGE_CASE"];
const factor = Number(process.env["SELVEDGE_FUZZ"] ?? 1);
/**
 * What a run may add to what the process holds. The inputs are kilobytes, so a leak of any kind passes this; what
 * the process has of the machine tells less, as that follows how often the collector got a turn.
 */
const growthMax = 64 * 1024 * 1024;
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
/** How often the rest of the process gets a turn, so that what cases leave behind can be cleared away. */
const breath = 5000;

export interface FuzzOptions {
  readonly cases: number;
  /** What the decoder may throw; anything else is a fault of ours. */
  readonly declared: readonly (abstract new (
    ...args: never
  ) => Error)[];
}

/** Runs the cases; `attempt` gets the chance of its case alone, and may return a promise. */
export function fuzz(
  what: string,
  { cases, declared }: FuzzOptions,
  attempt: (random: SeededRandom) => unknown,
): void {
  it(what, async (test) => {
    const from = one === undefined ? 0 : Number(one);
    const to = one === undefined ? Math.max(1, Math.round(cases * factor)) : from + 1;
    const before = held();
    let refused = 0;
    for (let index = from; index < to; index++) {
      try {
        const result = attempt(new SeededRandom(seed * 0x9e3779b1 + index));
        if (result instanceof Promise) await result;
      } catch (error) {
        if (!declared.some((type) => error instanceof type)) throw failure(what, index, error);
        refused++;
      }
      if (index % breath === breath - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    test.diagnostic(`${to - from} cases, ${refused} refused`);
    const grown = held() - before;
    assert.ok(grown < growthMax, `${what}: the process holds ${Math.round(grown / 1024 / 1024)} MiB more`);
  });
}

/** In bytes, of what is still reached: values, and buffers beside them. */
function held(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function failure(what: string, index: number, cause: unknown): Error {
  const again = `SELVEDGE_SEED=${seed} SELVEDGE_CASE=${index}`;
  return new Error(`case ${index} of "${what}"; run it alone with ${again}`, { cause });
}

const recorded = join(import.meta.dirname, "../../packages/eve-api/testdata/eve");

/** Bodies that went over the wire between EVE's own programs. */
export function recordedBodies(pattern: string): readonly Uint8Array[] {
  return globSync(pattern, { cwd: recorded })
    .sort()
    .map((path) => new Uint8Array(readFileSync(join(recorded, path))))
    .filter(({ length }) => length > 0);
}

/** Bytes at which decoders change their mind. */
const edges = [0x00, 0x01, 0x0a, 0x7f, 0x80, 0xfe, 0xff];
const noiseMax = 200;
const changesMax = 6;
/** Longer than what any body may have, so that lengths point outside. */
const hugeVarint = [0xff, 0xff, 0xff, 0xff, 0x0f];

/** One of the corpus with one to six changes; or one time in ten noise. */
export function mutated(corpus: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  if (random.next() < 0.1) return random.bytes(below(random, noiseMax));
  let bytes = pick(corpus, random);
  // Mostly one: more of them seldom leave anything to be read.
  const changes = random.next() < 0.6 ? 1 : 2 + below(random, changesMax - 1);
  for (let change = 0; change < changes; change++) bytes = changed(bytes, corpus, random);
  return bytes;
}

function changed(bytes: Uint8Array, corpus: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  const at = below(random, bytes.length + 1);
  const end = Math.min(bytes.length, at + below(random, 32));
  switch (below(random, 12)) {
    case 0:
      return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << below(random, 8)));
    case 1:
      return withByte(bytes, at, pick(edges, random));
    case 2:
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    case 3:
      return joined(bytes.subarray(0, end), bytes.subarray(at));
    case 4:
      return joined(bytes.subarray(0, at), random.bytes(below(random, 16)), bytes.subarray(at));
    case 5: {
      const other = pick(corpus, random);
      return joined(bytes.subarray(0, at), other.subarray(below(random, other.length + 1)));
    }
    case 6:
      return bytes.subarray(0, at);
    case 7:
      return joined(bytes.subarray(0, at), Uint8Array.from(hugeVarint), bytes.subarray(end));
    default:
      return withByte(bytes, at, below(random, 256));
  }
}

export function pick<T>(values: readonly T[], random: SeededRandom): T {
  const value = values[below(random, values.length)];
  assert.ok(value !== undefined);
  return value;
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = value;
  return copy;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
