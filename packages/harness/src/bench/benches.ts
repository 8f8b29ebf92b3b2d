import { adamBench } from "./adam-bench.ts";
import { apiBench } from "./api-bench.ts";
import type { Bench } from "./bench.ts";
import { pathBench } from "./path-bench.ts";
import { pollBench } from "./poll-bench.ts";
import { pollsBench } from "./polls-bench.ts";
import { rolloutBench } from "./rollout-bench.ts";
import { streamsBench } from "./streams-bench.ts";

/** In the order they run: cheap and undisturbed ones first. */
export const benches: readonly Bench[] = [
  apiBench,
  pollsBench,
  adamBench,
  rolloutBench,
  pollBench,
  pathBench,
  streamsBench,
];
