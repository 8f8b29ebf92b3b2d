/** One entry of an app's access list. Everything it names must fit; what it leaves out fits anything. */
export interface AccessRule {
  /** The controller's; flow logs name it. */
  readonly id: number;
  readonly name: string;
  /** Seen from the app: `in` is what others begin, `out` what the app begins. */
  readonly direction: "both" | "in" | "out";
  readonly remotes: readonly Remote[];
  /** Of IP: 6 is TCP. */
  readonly protocol?: number;
  readonly remotePorts?: PortRange;
  /** Of the app; of a port map: of the node. */
  readonly localPorts?: PortRange;
  /** Name or label of a port of the node that the traffic has to come in by. */
  readonly adapter?: string;
  readonly action: RuleAction;
}

export type Remote =
  | { readonly kind: "subnet"; readonly cidr: string }
  /** The domain and all below it, as the network's DNS answers the apps. */
  | { readonly kind: "domain"; readonly name: string }
  /** The network's apps and the names its DNS has of its own. */
  | { readonly kind: "network" };

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type RuleAction =
  | { readonly kind: "allow" }
  | { readonly kind: "drop" }
  /** Packets beyond the rate are dropped, in each direction for itself. */
  | {
      readonly kind: "limit";
      readonly rate: number;
      readonly unit: "second" | "minute" | "hour" | "day";
      readonly burst: number;
    }
  /** A port of the node leads to the app's. */
  | { readonly kind: "map"; readonly appPort: number };
