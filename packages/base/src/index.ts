export { argumentFault } from "./arguments.ts";
export { assert } from "./assert.ts";
export { type BackoffPolicy, backoffDelay } from "./backoff.ts";
export { BoundedQueue, Fifo, LruMap } from "./bounded.ts";
export type { Brand } from "./brand.ts";
export { collectBytes, concatBytes } from "./bytes.ts";
export { canonicalJson, jsonEqual } from "./canonical-json.ts";
export { cloneJson } from "./clone-json.ts";
export {
  describeError,
  formatFields,
  formatRecord,
  Log,
  type LogFields,
  type LogLevel,
  type LogRecord,
  type LogSink,
  silentSink,
} from "./log.ts";
export {
  type Counter,
  formatMetrics,
  type Histogram,
  type MetricFamily,
  type MetricKind,
  MetricRegistry,
  type MetricSample,
  metricsContentType,
  type Readings,
} from "./metrics.ts";
export { below, type Random, SeededRandom, uuid } from "./random.ts";
export { SystemClock } from "./system-clock.ts";
export { SystemRandom } from "./system-random.ts";
export {
  after,
  between,
  type Clock,
  hours,
  type Instant,
  instant,
  type Millis,
  millis,
  minutes,
  seconds,
  sleep,
  type Timer,
  toRfc3339,
  toRfc3339Micro,
  toRfc3339Nano,
} from "./time.ts";
export { Turns } from "./turns.ts";
export { heldInteger, isInteger, type KeepsInteger, keepsIntegers, parseJson } from "./whole-json.ts";
