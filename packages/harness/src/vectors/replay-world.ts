/** Our controller's node side, on its real parts, with the keys of a recording. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { type Clock, Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import {
  type Cluster,
  createCluster,
  createNodeTrust,
  Gateway,
  InProcessObjects,
  MemoryPkiFiles,
  type NodeTrust,
  Pki,
  type RenderedConfig,
  type Reports,
  SqliteRecords,
} from "@selvedge/controller";
import { attest, config, register, uuid } from "@selvedge/eve-api";
import {
  allKinds,
  type EdgeNode,
  type EnrollmentProfile,
  edgeNodeKind,
  enrollmentProfileKind,
} from "@selvedge/kinds";
import { type Exchange, envelopeOf, open, type Recording } from "./recording.ts";

const utf8 = new TextDecoder();

export class ReplayWorld implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly #recording: Recording;
  readonly #trust: NodeTrust;
  readonly #cluster: Cluster;
  readonly #parts: AsyncDisposableStack;
  #config: RenderedConfig | undefined;
  /** How far the replay is: what the controller "makes up" next is what was recorded next. */
  #at = 0;

  static async make(recording: Recording): Promise<ReplayWorld> {
    await using stack = new AsyncDisposableStack();
    const clock: Clock = new SystemClock();
    const random = new SystemRandom();
    const log = new Log("replay", clock, silentSink);
    const pki = stack.use(
      await Pki.open({ files: pkiFiles(recording), kubeNames: [], deviceNames: [], clock, random, log }),
    );
    const objects = new InProcessObjects(
      new ObjectRegistry(allKinds, new SqliteStore(":memory:"), clock, random),
    );
    const cluster = stack.use(createCluster({ objects, clock, random, log }));
    const late: { world?: ReplayWorld } = {};
    const trust = stack.use(
      createNodeTrust({
        ...{ cluster, records: stack.use(new SqliteRecords(":memory:")), pki, clock, random, log },
        newNodeId: () => late.world?.recordedNodeId() ?? "",
        newToken: () => late.world?.recordedToken() ?? new Uint8Array(),
      }),
    );
    await cluster.start();
    const world = new ReplayWorld({ recording, trust, cluster, pki, clock, log, stack: stack.move() });
    late.world = world;
    await world.#addProfiles();
    return world;
  }

  private constructor(parts: {
    recording: Recording;
    trust: NodeTrust;
    cluster: Cluster;
    pki: Pki;
    clock: Clock;
    log: Log;
    stack: AsyncDisposableStack;
  }) {
    const { recording, trust, cluster, pki, clock, log, stack } = parts;
    this.#recording = recording;
    this.#trust = trust;
    this.#cluster = cluster;
    this.#parts = stack;
    this.gateway = stack.use(
      new Gateway({
        ...{ directory: trust.enrolment, certificates: trust.certificates, attestation: trust.attestation },
        book: { current: () => this.#config, onChange: () => () => undefined },
        ...{ reports, pki, clock, random: new SystemRandom(), log },
        hub: { attach: () => undefined, detach: () => undefined },
      }),
    );
  }

  /** Brings the administrator's side to where it was when exchange `index` was recorded. */
  async prepare(index: number): Promise<void> {
    this.#at = index;
    const { match, status, request } = this.#recording.exchanges[index] as Exchange;
    if (match?.node === undefined) return;
    await this.#ensureNode(match.node, request);
    if (match.name !== "config") return;
    this.#config = status === 404 ? undefined : (this.#next("config", 200, toConfig) ?? this.#config);
    if (status !== 200 && status !== 304) return;
    // A recording may begin after the node attested.
    const node = this.#trust.enrolment.byId(match.node);
    const { integrityToken } = open(config.ConfigRequestSchema, request);
    if (node !== undefined && !this.#trust.attestation.accepts(node.id, integrityToken)) {
      this.#trust.attestation.quote(node, fromBinary(attest.ZAttestQuoteSchema, new Uint8Array()));
    }
  }

  /** The UUID that the recorded controller gave. */
  recordedNodeId(): string {
    const node = this.#next("uuid", 200, ({ answer }) => open(uuid.UuidResponseSchema, answer).uuid);
    return (
      node ?? this.#recording.exchanges.find(({ match }) => match?.node !== undefined)?.match?.node ?? ""
    );
  }

  recordedToken(): Uint8Array {
    const issued = this.#next("attest", undefined, ({ answer, status }) => {
      if (status !== 200 && status !== 201) return undefined;
      const token = open(attest.ZAttestResponseSchema, answer).quoteResp?.integrityToken;
      return token === undefined || token.length === 0 ? undefined : token;
    });
    const shown = (): Uint8Array | undefined =>
      this.#next("config", undefined, ({ request, status }) =>
        status === 200 || status === 304
          ? open(config.ConfigRequestSchema, request).integrityToken
          : undefined,
      );
    return issued ?? shown() ?? new Uint8Array();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  /** The first thing `pick` finds from here on in exchanges with this endpoint. */
  #next<T>(
    name: string,
    status: number | undefined,
    pick: (exchange: Exchange) => T | undefined,
  ): T | undefined {
    for (const exchange of this.#recording.exchanges.slice(this.#at)) {
      if (exchange.match?.name !== name || (status !== undefined && exchange.status !== status)) continue;
      const found = pick(exchange);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A profile a certificate, with the serials that were let in. */
  async #addProfiles(): Promise<void> {
    const serials = new Map<string, Set<string>>();
    for (const { match, status, request } of this.#recording.exchanges) {
      if (match?.name !== "register" || status >= 300) continue;
      const onboarding = envelopeOf(request)?.senderCert ?? new Uint8Array();
      const { serial, softSerial } = open(register.ZRegisterMsgSchema, request);
      const pem = Buffer.from(utf8.decode(onboarding), "base64").toString();
      const admitted = serials.get(pem) ?? new Set();
      serials.set(pem, admitted.add(serial || softSerial));
    }
    for (const [onboardingCertificate, admitted] of serials) {
      await this.#cluster.create<EnrollmentProfile>(enrollmentProfileKind, {
        ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile" },
        metadata: { name: `profile-${admitted.size}-${onboardingCertificate.length}` },
        spec: { onboardingCertificate, serials: [...admitted], approve: "Automatic" },
      });
    }
  }

  /** A recording may begin after the node registered: then its owner has registered it beforehand. */
  async #ensureNode(node: string, request: Uint8Array): Promise<void> {
    if (this.#trust.enrolment.byId(node) !== undefined) return;
    const hash = envelopeOf(request)?.senderCertHash.toHex() ?? "";
    const deviceCertificate = this.#recording.devices.get(hash);
    if (deviceCertificate === undefined) return;
    await this.#cluster.create<EdgeNode>(edgeNodeKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "recorded" } },
      spec: { deviceCertificate },
    });
    for (const { reconciler } of this.#trust.wire(this.gateway.refusals)) {
      await reconciler.reconcile("recorded", AbortSignal.timeout(10_000));
    }
  }
}

/** The recorded keys, in the files our own are kept in. */
function pkiFiles({ key }: Recording): MemoryPkiFiles {
  const files = new MemoryPkiFiles();
  files.write("root.pem", key("root") + key("root-key"));
  files.write("intermediate.pem", key("inter") + key("inter-key"));
  files.write("signing.pem", key("signing.leaf") + key("signing-key"));
  files.write("encryption.pem", key("encrypt.leaf") + key("encrypt-key"));
  return files;
}

function toConfig({ answer }: Exchange): RenderedConfig | undefined {
  const { config: message, configHash } = open(config.ConfigResponseSchema, answer);
  if (message === undefined) return undefined;
  return { config: toBinary(config.EdgeDevConfigSchema, message), hash: configHash };
}

/** Takes everything: what becomes of it is not the protocol's business. */
const reports: Reports = {
  info: async () => undefined,
  metrics: async () => undefined,
  deviceLogs: async () => undefined,
  appLogs: async () => undefined,
  flows: async () => undefined,
  hardwareHealth: async () => undefined,
  seen: () => undefined,
  runsOn: () => undefined,
};
