/** A way out of a local network, as the configuration has it. */
export interface RouteSpec {
  readonly destination: string;
  readonly gateway: string;
  /** Name or label of the node's port it leaves by; empty: the network's own. */
  readonly port: string;
  /** How one port is found where several carry the label. */
  readonly choice?: WayChoice;
}

export interface WayChoice {
  /** A port's gateway is asked where the port costs no more; not there: none is. */
  readonly gatewayMaxCost?: number;
  /** Who is asked by way of each port. */
  readonly remote?: WayRemote;
  /** Of ports that work, the cheapest. */
  readonly cheapest?: boolean;
  /** Of modems that work, the one that is received best. */
  readonly strongest?: boolean;
}

export type WayRemote =
  | { readonly method: "icmp"; readonly host: string }
  | { readonly method: "tcp"; readonly host: string; readonly port: number };

/** As it is told, and what tells one from another. */
export function remoteText(remote: WayRemote): string {
  return remote.method === "icmp" ? `icmp://${remote.host}` : `tcp://${remote.host}:${remote.port}`;
}
