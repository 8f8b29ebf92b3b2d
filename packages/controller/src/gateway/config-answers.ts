/** What a node is told when it asks for its configuration, by itself or through whoever stands in for us. */
import { create } from "@bufbuild/protobuf";
import type { Clock } from "@selvedge/base";
import { type compound, config } from "@selvedge/eve-api";
import type { ControllerIdentity } from "../pki/controller-identity.ts";
import type { ConfigBook, DeviceResponse, NodeId, Reports } from "../ports.ts";
import { empty, message, type Refused } from "./answers.ts";
import type { Attestation } from "./attestation.ts";
import type { GatewayMetrics, PollProof } from "./gateway-metrics.ts";
import type { KnownNode } from "./node-directory.ts";
import type { RememberedPoll } from "./poll-memory.ts";
import { compoundConfig, SignedConfigs } from "./signed-configs.ts";

export interface ConfigAnswersOptions {
  readonly book: ConfigBook;
  readonly attestation: Pick<Attestation, "accepts">;
  readonly pki: { readonly identity: ControllerIdentity };
  readonly reports: Pick<Reports, "runsOn">;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
}

export class ConfigAnswers {
  readonly #options: ConfigAnswersOptions;
  readonly #signed = new SignedConfigs();

  constructor(options: ConfigAnswersOptions) {
    this.#options = options;
  }

  toPoll(poll: RememberedPoll, proof: PollProof): DeviceResponse | Refused {
    const answer = this.#answer(poll);
    this.#options.metrics.poll(proof, answer.status);
    // One that is remembered was told before.
    if (proof === "verified" && answer.status === 304) {
      this.#options.reports.runsOn(poll.node.id, poll.configHash);
    }
    return answer;
  }

  /** To a node whose console we are, or a console that hands on what its node signed. */
  toConsole(
    node: KnownNode,
    { cfgReq, lastCmdTimestamp }: compound.CompoundEdgeDevConfigRequest,
  ): DeviceResponse | Refused {
    const { configHash, integrityToken: token } = cfgReq ?? create(config.ConfigRequestSchema);
    const answer = this.toPoll({ node, configHash, token }, "verified");
    if ("reason" in answer || answer.status !== 200) return answer;
    // It may not fall: what a console says afterwards would be older than what the node has heard.
    const now = this.#nanos();
    return message(200, compoundConfig(answer.body, lastCmdTimestamp > now ? lastCmdTimestamp : now));
  }

  /** For a console whose node cannot reach us; undefined before there is a configuration. */
  compoundOf(node: NodeId): Uint8Array | undefined {
    const { book, pki } = this.#options;
    const current = book.current(node);
    if (current === undefined) return undefined;
    return compoundConfig(this.#signed.answer(node, current, pki.identity), this.#nanos());
  }

  forget(node: NodeId): void {
    this.#signed.forget(node);
  }

  #nanos(): bigint {
    return BigInt(Math.floor(this.#options.clock.now())) * 1_000_000n;
  }

  #answer({ node, configHash, token }: RememberedPoll): DeviceResponse | Refused {
    const { book, attestation, pki } = this.#options;
    const current = book.current(node.id);
    if (current === undefined) {
      return { status: 404, reason: "early", message: "there is no configuration for this node yet" };
    }
    if (!attestation.accepts(node.id, token)) {
      const reason = token.length === 0 ? "early" : "token";
      return { status: 403, reason, message: "the integrity token is missing or old; attest first" };
    }
    if (configHash === current.hash) return empty(304);
    return message(200, this.#signed.answer(node.id, current, pki.identity));
  }
}
