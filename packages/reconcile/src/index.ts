export { lookAgain, type Outcome, type Reconciler, settled } from "./reconciler.ts";
export { Runner, type RunnerOptions } from "./runner.ts";
export { checkWriters, describeWriters } from "./writers.ts";
