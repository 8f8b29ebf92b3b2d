import type { NetworkId } from "../../desired.ts";
import type { Verdict } from "./way-state.ts";

/** One way out for which several ports stand. Written by the way reconciler only. */
export interface WayStatus {
  readonly networkId: NetworkId;
  readonly destination: string;
  /** Name of the port in use. */
  readonly port: string;
  /** Who is asked by way of each; empty: nobody. */
  readonly remote: string;
  readonly ports: readonly WayPortStatus[];
}

export interface WayPortStatus {
  readonly name: string;
  readonly card: string;
  /** Of the way's family. */
  readonly gateways: readonly string[];
  readonly there: Verdict;
  /** Not there: it is not asked. */
  readonly gateway?: Verdict;
  readonly remote?: Verdict;
}

/** What others need to know of it: the port, by name, and its gateway. */
export function chosenOf({ port, ports }: WayStatus): { readonly port: string; readonly gateway: string } {
  return { port, gateway: ports.find(({ name }) => name === port)?.gateways[0] ?? "" };
}
