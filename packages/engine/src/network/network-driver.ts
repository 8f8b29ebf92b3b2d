/** A network's end on the node. */
export interface BridgeItem {
  readonly name: string;
  readonly mac: string;
  /** With prefix length. */
  readonly address: string;
}

/** An app's plug; QEMU opens it as the user that owns it. */
export interface TapItem {
  readonly name: string;
  readonly bridge: string;
  readonly uid: number;
}

/** One dnsmasq, which serves one bridge. */
export interface ResolverItem {
  readonly bridge: string;
  readonly config: string;
}

/** Everything the domain wants of the kernel. Whatever carries our names and is not in here goes. */
export interface NetworkItems {
  readonly bridges: readonly BridgeItem[];
  readonly taps: readonly TapItem[];
  readonly resolvers: readonly ResolverItem[];
  /** For `nft -f`: replaces our tables in one transaction. */
  readonly ruleset: string;
}

export interface NetworkDriver {
  /** Compares with what is there and changes only what differs: running taps are never touched. */
  apply(items: NetworkItems, signal: AbortSignal): Promise<void>;
}

export class NetworkDriverError extends Error {
  override name = "NetworkDriverError";
}
