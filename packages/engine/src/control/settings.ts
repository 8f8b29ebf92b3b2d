import { type Millis, seconds } from "@selvedge/base";
import type { DesiredState } from "../desired.ts";
import type { Cell } from "../engine-store.ts";

interface Range {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export type TimerKey =
  | "timer.config.interval"
  | "timer.metric.interval"
  | "timer.deviceinfo.interval"
  | "timer.cert.interval";

/** EVE's config items that the engine heeds, in seconds; defaults and bounds are EVE's. */
const timers: Readonly<Record<TimerKey, Range>> = {
  "timer.config.interval": { default: 60, min: 5, max: 86_400 },
  "timer.metric.interval": { default: 60, min: 5, max: 3600 },
  "timer.deviceinfo.interval": { default: 600, min: 30, max: 2 ** 32 },
  "timer.cert.interval": { default: 86_400, min: 60, max: 2 ** 32 },
};

/** What became of one config item, as ZInfoConfigItem tells it. */
export interface SettingStatus {
  readonly value: string;
  readonly error: string;
}

/** Config items of the accepted configuration. A value that cannot be leaves the default, and says so. */
export class Settings {
  readonly #desired: Cell<DesiredState | undefined>;

  constructor(desired: Cell<DesiredState | undefined>) {
    this.#desired = desired;
  }

  seconds(key: TimerKey): Millis {
    const given = this.#desired.get()?.settings.get(key);
    return seconds(
      given === undefined ? timers[key].default : (secondsIn(key, given) ?? timers[key].default),
    );
  }

  /** Whether the configuration says anything valid about it. */
  isSet(key: TimerKey): boolean {
    const given = this.#desired.get()?.settings.get(key);
    return given !== undefined && secondsIn(key, given) !== undefined;
  }

  /** Every item we know with the value in force; and those given that we do not know. */
  status(): { known: Record<string, SettingStatus>; unknown: Record<string, SettingStatus> } {
    const given = this.#desired.get()?.settings ?? new Map<string, string>();
    const known: Record<string, SettingStatus> = {};
    const unknown: Record<string, SettingStatus> = {};
    for (const key of Object.keys(timers) as TimerKey[]) {
      const text = given.get(key);
      const value = text === undefined ? timers[key].default : secondsIn(key, text);
      const { min, max, default: fallback } = timers[key];
      known[key] =
        value === undefined
          ? {
              value: String(fallback),
              error: `${JSON.stringify(text)} is not a number from ${min} to ${max}`,
            }
          : { value: String(value), error: "" };
    }
    for (const [key, value] of given)
      if (!(key in timers)) unknown[key] = { value, error: "not known to this engine" };
    return { known, unknown };
  }
}

function secondsIn(key: TimerKey, text: string): number | undefined {
  const value = Number(text);
  const { min, max } = timers[key];
  return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
}
