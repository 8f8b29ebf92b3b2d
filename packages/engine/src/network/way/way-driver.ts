import type { Family } from "../address.ts";
import type { WayRemote } from "./way-spec.ts";

/** A card of the node, as it could lead out now. */
export interface WayLink {
  /** It has a carrier. */
  readonly up: boolean;
  /** With prefix length; none that hold on one link only. */
  readonly addresses: readonly string[];
  /** Whom its default routes name. */
  readonly gateways: readonly string[];
  readonly mtu: number;
}

export interface WayQuestion {
  readonly card: string;
  readonly family: Family;
  /** The card's own, without prefix length. */
  readonly address: string;
  /** Who leads on from the card. */
  readonly gateway: string;
  readonly remote: WayRemote;
  /** Who has not answered by then does not. */
  readonly limitMs: number;
}

/** Looks at the node's cards, and asks by way of one of them, whichever leads out. */
export interface WayDriver {
  links(): Promise<ReadonlyMap<string, WayLink>>;
  /** Resolves once there is an answer, else rejects with why there is none. */
  ask(question: WayQuestion, signal: AbortSignal): Promise<void>;
}
