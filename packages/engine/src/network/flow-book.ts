import type { Clock } from "@selvedge/base";
import type { EngineStore } from "../engine-store.ts";
import { type FlowReport, type FlowSource, loggedPlugs, reportFlows } from "./flow-log.ts";

/** What the controller is told of its apps' traffic. Provided by the network domain, sent by control. */
export interface FlowReports {
  /** Whether any network has its flows logged. */
  readonly wanted: boolean;
  /** What is known since the last time; whoever takes it sends it or loses it. */
  take(): Promise<readonly FlowReport[]>;
}

export class FlowBook implements FlowReports {
  readonly #store: EngineStore;
  readonly #source: FlowSource;
  readonly #clock: Clock;

  constructor(store: EngineStore, source: FlowSource, clock: Clock) {
    this.#store = store;
    this.#source = source;
    this.#clock = clock;
  }

  get wanted(): boolean {
    const wanted = this.#store.desired.get()?.networks.some(({ flowLog }) => flowLog === true) === true;
    this.#source.watch(wanted);
    return wanted;
  }

  async take(): Promise<readonly FlowReport[]> {
    const { desired, nics, networks } = this.#store;
    const plugs = loggedPlugs(desired.get(), new Map(nics.entries()), new Map(networks.entries()));
    return plugs.length === 0 ? [] : reportFlows(await this.#source.collect(), plugs, this.#clock.now());
  }
}
