import type { PortAddress, ProxySpec } from "./port-spec.ts";

/** How a card is to speak. */
export interface PortWish {
  readonly interface: string;
  readonly address: PortAddress;
  readonly mtu: number;
  /** Of its default route: the lowest that is there is used. */
  readonly metric: number;
}

/** How a card is. */
export interface CardState {
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** IPv4, with prefix length. */
  readonly addresses: readonly string[];
  readonly gateway: string;
  readonly dns: readonly string[];
}

/** The node's own cards. */
export interface PortDriver {
  /** False: the box's own system looks after them, and nothing is changed here. */
  readonly manages: boolean;
  /** Makes the cards speak so; resolves when those that ask for an address have one or have had their time. */
  apply(wishes: readonly PortWish[], signal: AbortSignal): Promise<void>;
  look(): Promise<ReadonlyMap<string, CardState>>;
  /** Resolves when the controller answers by way of the card, else rejects with why not. */
  probe(card: string, proxy: ProxySpec | undefined, signal: AbortSignal): Promise<void>;
}
