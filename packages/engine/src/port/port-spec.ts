/** A port of the node: a card, and how it is to speak. */
export interface PortSpec {
  readonly name: string;
  /** Networks and access lists may name the port by these as well. */
  readonly labels: readonly string[];
  /** Linux' name of the card. */
  readonly interface: string;
  /** Whether the controller may be reached by it. */
  readonly uplink: boolean;
  /** The cheapest that works is used. */
  readonly cost: number;
  /** As the controller knows the network behind it. */
  readonly networkId?: string;
  readonly address?: PortAddress;
  /** 1500 where there is none. */
  readonly mtu?: number;
  readonly proxy?: ProxySpec;
  /** Why it cannot be as the configuration has it. */
  readonly fault?: string;
}

export type PortAddress =
  | { readonly kind: "none" }
  | { readonly kind: "dhcp" }
  | {
      readonly kind: "static";
      /** With prefix length. */
      readonly address: string;
      /** Empty: the port leads no further than its own network. */
      readonly gateway: string;
      readonly dns: readonly string[];
      readonly domain: string;
      readonly ntp: readonly string[];
    };

/** Who stands between a port and the controller. */
export interface ProxySpec {
  /** `host:port`; undefined: it is in the way without being asked, and only its certificates matter. */
  readonly server: string | undefined;
  /** Hosts, domains and networks that are reached without it. */
  readonly exceptions: readonly string[];
  /** Roots of who opens TLS on the way, PEM. */
  readonly certificates: readonly string[];
  /** Found by a script of the network's, which this node does not run. */
  readonly automatic: boolean;
}
