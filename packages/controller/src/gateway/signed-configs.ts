import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { LruMap } from "@selvedge/base";
import type { ControllerIdentity } from "../pki/controller-identity.ts";
import type { NodeId, RenderedConfig } from "../ports.ts";

/**
 * Signed answers kept for nodes that ask again; a node that has its configuration is told "unchanged"
 * without one.
 */
const bytesMax = 64 * 1024 * 1024;

interface Signed {
  readonly config: RenderedConfig;
  readonly identity: ControllerIdentity;
  readonly answer: Uint8Array;
}

/** Enveloped configurations, each signed once per rendering and node. */
export class SignedConfigs {
  readonly #signed = new LruMap<NodeId, Signed>(bytesMax, ({ answer }) => answer.length);

  answer(node: NodeId, config: RenderedConfig, identity: ControllerIdentity): Uint8Array {
    const known = this.#signed.get(node);
    if (known?.config.hash === config.hash && known.identity === identity) return known.answer;
    const answer = identity.seal(configResponse(config));
    this.#signed.set(node, { config, identity, answer });
    return answer;
  }

  forget(node: NodeId): void {
    this.#signed.delete(node);
  }
}

/** A ConfigResponse around a configuration that is encoded already. */
function configResponse({ config, hash }: RenderedConfig): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(config)
    .tag(2, WireType.LengthDelimited)
    .string(hash)
    .finish();
}

/**
 * A CompoundEdgeDevConfig around a configuration in its envelope: what whoever stands in for the controller gives a
 * node, and may add commands to. Ours are counters in the configuration, so there are none here.
 */
export function compoundConfig(envelope: Uint8Array, timestamp: bigint): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.Varint)
    .uint64(timestamp)
    .tag(2, WireType.LengthDelimited)
    .bytes(envelope)
    .finish();
}
