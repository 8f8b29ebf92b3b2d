import type { LinkCounters } from "../observed.ts";
import type { Family } from "./address.ts";
import type { AnswerWay } from "./answer-plan.ts";

/** A network's end on the node. */
export interface BridgeItem {
  readonly name: string;
  readonly mac: string;
  /** With prefix length; a switch has none. */
  readonly address: string | undefined;
  readonly mtu: number;
  /** Cards of the node that are in it. */
  readonly members: readonly string[];
  /** The one of them that the node speaks by: the bridge takes over its address. */
  readonly carries?: string;
}

/** What the ends of a bridge on the node's cards may carry. */
export interface SwitchItem {
  readonly bridge: string;
  /** It is on several cards, so that it looks for loops. */
  readonly loops: boolean;
  /** It knows of VLANs; otherwise tags mean nothing to it. */
  readonly aware: boolean;
  /** What neighbours tell of themselves (LLDP) it passes on, instead of keeping it. */
  readonly lldp: boolean;
  readonly ports: readonly SwitchPort[];
}

export interface SwitchPort {
  readonly name: string;
  /** Who says behind it to be a bridge is cut off. */
  readonly guarded: boolean;
  readonly vlans:
    | { readonly kind: "access"; readonly vlan: number }
    | { readonly kind: "trunk"; readonly vlans: readonly number[] };
}

/** An app's plug; QEMU opens it as the user that owns it. */
export interface TapItem {
  readonly name: string;
  readonly bridge: string;
  readonly uid: number;
  /** What it says to another plug goes by way of the node. */
  readonly isolated: boolean;
  readonly mtu: number;
}

/** One dnsmasq, which serves one bridge. */
export interface ResolverItem {
  readonly bridge: string;
  readonly config: string;
  /** What it is asked is noted. */
  readonly notes: boolean;
}

/** Ways of one network that the node's own table does not have. */
export interface PolicyRoutes {
  readonly family: Family;
  readonly bridge: string;
  /** Of every network of the node and this family: a port of the node may lead from one into another. */
  readonly subnets: readonly { readonly subnet: string; readonly bridge: string }[];
  readonly table: number;
  /** Cards that lead outside, the best first; undefined: as the node's own table has it. */
  readonly interfaces: readonly string[] | undefined;
  readonly statics: readonly {
    readonly destination: string;
    /** Empty: that of the card. */
    readonly gateway: string;
    /** The one to take first, then those that stand in for it. */
    readonly interfaces: readonly string[] | undefined;
  }[];
}

/** Everything the domain wants of the kernel. Whatever carries our names and is not in here goes. */
export interface NetworkItems {
  readonly bridges: readonly BridgeItem[];
  readonly taps: readonly TapItem[];
  readonly switches: readonly SwitchItem[];
  readonly resolvers: readonly ResolverItem[];
  readonly routes: readonly PolicyRoutes[];
  readonly answers: readonly AnswerWay[];
  /** For `nft -f`: replaces our tables in one transaction. */
  readonly ruleset: string;
}

/** A card of the node, or a bridge that speaks for one. */
export interface NodeCard {
  readonly mtu: number;
  /** That it is in, without those that are one link. */
  readonly networks: readonly string[];
}

export interface NetworkDriver {
  /** Compares with what is there and changes only what differs: running taps are never touched. */
  apply(items: NetworkItems, signal: AbortSignal): Promise<void>;
  /**
   * What a cheap look shows: the same text while links, addresses and routes are what they were, our resolvers
   * run and our rules are there. What it cannot see, `apply` does.
   */
  look(): Promise<string>;
  /** Of the node's own cards and of every plug, by name. */
  counters(): Promise<ReadonlyMap<string, LinkCounters>>;
  /** IPv4 addresses that plugs of switches were seen to speak with in the last minutes, the newest last. */
  seen(): Promise<ReadonlyMap<string, readonly string[]>>;
  /** By name. */
  cards(): Promise<ReadonlyMap<string, NodeCard>>;
  /** Addresses of the node's own cards, and of bridges that speak for one; none that hold on one link only. */
  addresses(): Promise<ReadonlyMap<string, readonly string[]>>;
}

export class NetworkDriverError extends Error {
  override name = "NetworkDriverError";
}
