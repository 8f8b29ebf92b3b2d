import { apiBench } from "./api-bench.ts";
import type { Bench } from "./bench.ts";

/** In the order they run: cheap and undisturbed ones first. */
export const benches: readonly Bench[] = [apiBench];
