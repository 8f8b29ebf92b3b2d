/** What the configuration says of downloads. Pure. */
import { type Millis, seconds } from "@selvedge/base";
import { numberIn, switchIn } from "../control/settings/config-items.ts";
import type { DesiredState } from "../desired.ts";
import type { PortsStatus } from "../observed.ts";
import { wayOut } from "../port/proxy-choice.ts";

export interface FetchSettings {
  /** No attempt is put off for longer. */
  readonly retry: Millis;
  /** A source that sends nothing for so long is given up. */
  readonly stalled: Millis;
  /** How often what came and is not what its hash says is fetched anew at once. */
  readonly refetches: number;
  /** What the port may cost that is downloaded by. */
  readonly costMax: number;
  /** How long content that is wanted no more can still be had without asking its source. */
  readonly keep: Millis;
  readonly insecureAuth: boolean;
}

export function fetchSettings(desired: DesiredState | undefined): FetchSettings {
  const settings = desired?.settings;
  return {
    retry: seconds(numberIn(settings, "timer.download.retry")),
    stalled: seconds(numberIn(settings, "timer.download.stalled")),
    refetches: numberIn(settings, "blob.download.max.retries"),
    costMax: numberIn(settings, "network.download.max.cost"),
    keep: seconds(numberIn(settings, "timer.defer.content.delete")),
    insecureAuth: switchIn(settings, "datastore.http.security.allowinsecureauth"),
  };
}

/**
 * Why nothing is downloaded now; undefined: it is. Where nothing is known of what ports cost, or none leads out,
 * it is tried.
 */
export function tooDear(status: PortsStatus | undefined, { costMax }: FetchSettings): string | undefined {
  const port = wayOut(status);
  if (port === undefined || port.cost <= costMax) return undefined;
  const why = `network.download.max.cost is ${costMax}`;
  return `port ${port.name}, by which the node reaches out, costs ${port.cost}; ${why}`;
}
