/** A controller's node side on real parts in memory, and boxes that talk to it. */
import { createHash, type KeyObject, sign } from "node:crypto";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import {
  instant,
  Log,
  type LogRecord,
  millis,
  SeededRandom,
  SystemClock,
  SystemRandom,
} from "@selvedge/base";
import {
  attest,
  config,
  decodeEnvelope,
  type EndpointName,
  encodeEnvelope,
  endpoints,
  type LinkSocket,
  pathOf,
  register,
  uuid as uuidApi,
} from "@selvedge/eve-api";
import {
  allKinds,
  type EdgeNode,
  type EnrollmentProfile,
  edgeNodeKind,
  enrollmentProfileKind,
} from "@selvedge/kinds";
import { createNodeTrust, type NodeTrust } from "../src/enrolment/node-trust.ts";
import type { SignatureVerifier } from "../src/gateway/authenticate.ts";
import { Gateway } from "../src/gateway/gateway.ts";
import { SignatureThreads } from "../src/gateway/signature-threads.ts";
import { InProcessObjects } from "../src/in-process-objects.ts";
import { scepOverHttp } from "../src/listeners/scep-http.ts";
import { cachesOf, createCluster } from "../src/objects/caches.ts";
import type { Cluster } from "../src/objects/cluster.ts";
import type { Wired } from "../src/objects/wiring.ts";
import { issue, type Pair } from "../src/pki/issue.ts";
import { Pki } from "../src/pki/pki.ts";
import { MemoryPkiFiles } from "../src/pki/pki-files.ts";
import type { DeviceResponse, NodeId, RenderedConfig, Reports } from "../src/ports.ts";
import { SqliteRecords } from "../src/records/sqlite-records.ts";

/** A calendar that the test moves; timers are the machine's. */
export class TestClock extends SystemClock {
  at: number = Date.now();

  override now(): ReturnType<SystemClock["now"]> {
    return instant(this.at);
  }

  override monotonic(): ReturnType<SystemClock["monotonic"]> {
    return millis(this.at);
  }
}

/** What is left of a world when its controller stops. */
export interface Remains {
  readonly store: SqliteStore;
  readonly records: SqliteRecords;
  readonly pkiFiles: MemoryPkiFiles;
}

export class NodeWorld implements AsyncDisposable {
  readonly clock: TestClock;
  readonly cluster: Cluster;
  readonly trust: NodeTrust;
  readonly gateway: Gateway;
  readonly wired: readonly Wired[];
  readonly pki: Pki;
  readonly remains: Remains;
  readonly configs: Map<NodeId, RenderedConfig>;
  readonly reported: { readonly what: string; readonly node: NodeId; readonly value: unknown }[] = [];
  readonly linked: { readonly node: NodeId; readonly socket: LinkSocket }[] = [];
  readonly detached: NodeId[] = [];
  readonly logged: LogRecord[];
  signatures: SignatureVerifier = new SignatureThreads();
  /** Thrown by the next report, as a full disk would. */
  failReport: Error | undefined;

  static async start(remains?: Remains, nodeRate?: number): Promise<NodeWorld> {
    const clock = new TestClock();
    const random = new SystemRandom();
    const logged: LogRecord[] = [];
    const log = new Log("test", clock, (record) => logged.push(record));
    const kept = remains ?? {
      store: new SqliteStore(":memory:"),
      records: new SqliteRecords(":memory:"),
      pkiFiles: new MemoryPkiFiles(),
    };
    const objects = new InProcessObjects(
      new ObjectRegistry(allKinds, kept.store, clock, new SeededRandom(1)),
    );
    const cluster = createCluster({ objects, clock, random, log });
    const pki = await Pki.open({
      ...{ files: kept.pkiFiles, kubeNames: [], deviceNames: [], clock, random, log },
    });
    const trust = createNodeTrust({ cluster, records: kept.records, pki, clock, random, log });
    await cluster.start();
    trust.prune();
    return new NodeWorld({ clock, cluster, trust, pki, kept, log, logged, nodeRate });
  }

  private constructor(parts: {
    clock: TestClock;
    cluster: Cluster;
    trust: NodeTrust;
    pki: Pki;
    kept: Remains;
    log: Log;
    logged: LogRecord[];
    nodeRate: number | undefined;
  }) {
    const { clock, cluster, trust, pki, kept, log, logged, nodeRate } = parts;
    this.clock = clock;
    this.cluster = cluster;
    this.trust = trust;
    this.pki = pki;
    this.remains = kept;
    this.logged = logged;
    this.configs = new Map();
    this.gateway = new Gateway({
      ...{ directory: trust.enrolment, certificates: trust.certificates, attestation: trust.attestation },
      ...{ book: { current: (node) => this.configs.get(node), onChange: () => () => undefined } },
      ...{ reports: this.#reports(), pki, clock, random: new SystemRandom(), log, nodeRate },
      scep: scepOverHttp,
      signatures: { verify: (envelope, key) => this.signatures.verify(envelope, key) },
      hub: {
        attach: (node, socket) => void this.linked.push({ node, socket }),
        detach: (node) => void this.detached.push(node),
      },
    });
    this.wired = trust.wire(this.gateway.refusals);
  }

  edgeNode(name: string): EdgeNode | undefined {
    return cachesOf(this.cluster).edgeNodes.get(name);
  }

  profile(name: string): EnrollmentProfile | undefined {
    return cachesOf(this.cluster).enrollmentProfiles.get(name);
  }

  edgeNodes(): EdgeNode[] {
    return cachesOf(this.cluster).edgeNodes.list();
  }

  async addProfile(
    onboarding: Pair,
    spec: Partial<EnrollmentProfile["spec"]> = {},
    name = "batch",
  ): Promise<void> {
    await this.cluster.create<EnrollmentProfile>(enrollmentProfileKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name } },
      spec: { onboardingCertificate: onboarding.certificatePem, approve: "Automatic", ...spec },
    });
  }

  async addEdgeNode(name: string, spec: EdgeNode["spec"]): Promise<void> {
    await this.cluster.create<EdgeNode>(edgeNodeKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name }, spec },
    });
    await this.reconcile(name);
  }

  async changeSpec(name: string, spec: Partial<EdgeNode["spec"]>): Promise<void> {
    await this.cluster.change<EdgeNode>(edgeNodeKind, name, undefined, (draft) => {
      Object.assign(draft.spec, spec);
      return true;
    });
    await this.reconcile(name);
  }

  /**
   * Runs the reconcilers by hand, so that a test says when they have run: `name` is an EdgeNode's or a
   * profile's.
   */
  async reconcile(name: string): Promise<void> {
    for (const { reconciler } of this.wired) await reconciler.reconcile(name, AbortSignal.timeout(10_000));
  }

  async deleteEdgeNode(name: string): Promise<void> {
    const object = this.edgeNode(name);
    if (object !== undefined) await this.cluster.delete(edgeNodeKind, object);
  }

  async request(
    endpoint: EndpointName,
    body: Uint8Array = new Uint8Array(),
    ids: { node?: string; app?: string; remote?: string; method?: string } = {},
  ): Promise<DeviceResponse> {
    const { remote = "10.0.0.1", method = endpoints[endpoint].method, ...path } = ids;
    return await this.gateway.handle({ method, target: pathOf(endpoint, path), headers: {}, body, remote });
  }

  /** Stops the controller; what it kept can be given to another. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.gateway[Symbol.dispose]();
    this.trust[Symbol.dispose]();
    this.pki[Symbol.dispose]();
    await this.cluster[Symbol.asyncDispose]();
  }

  #reports(): Reports {
    const take = (what: string) => async (node: NodeId, value: unknown, more?: unknown) => {
      const { failReport } = this;
      this.failReport = undefined;
      if (failReport !== undefined) throw failReport;
      this.reported.push({ what, node, value: more ?? value });
    };
    return {
      ...{ info: take("info"), metrics: take("metrics") },
      ...{
        deviceLogs: take("deviceLogs"),
        appLogs: take("appLogs"),
        seen: () => undefined,
        runsOn: () => undefined,
      },
      ...{ flows: take("flows"), hardwareHealth: take("hardwareHealth") },
    };
  }
}

/** A P-256 pair that signs itself, as onboarding and device certificates are. */
export async function selfSigned(name: string): Promise<Pair> {
  return await issue({
    ...{ subject: `CN=${name}`, purpose: { type: "authority", depth: 0 }, days: 3650, issuer: undefined },
    ...{ now: instant(Date.now()), random: new SystemRandom() },
  });
}

export function envelope(
  signer: Pair,
  payload: Uint8Array,
  over: Partial<Parameters<typeof encodeEnvelope>[0]> = {},
): Uint8Array {
  return encodeEnvelope({
    ...{ payload, algorithm: 2, senderCertHash: hashOf(signer), signature: signatureOf(signer.key, payload) },
    ...over,
  });
}

export function hashOf({ certificate }: Pair): Uint8Array {
  return new Uint8Array(createHash("sha256").update(certificate.raw).digest());
}

export function signatureOf(key: KeyObject, payload: Uint8Array): Uint8Array {
  return sign("sha256", payload, { key, dsaEncoding: "ieee-p1363" });
}

export function base64Pem(pem: string): Uint8Array {
  return new TextEncoder().encode(Buffer.from(`${pem}\n`).toString("base64"));
}

/** Where a box sends its requests: a world in memory, or a real port. */
export type Door = Pick<NodeWorld, "request">;

/** A box as the protocol sees it. */
export class Box {
  readonly world: Door;
  readonly device: Pair;
  readonly onboarding: Pair;
  readonly serial: string;
  id = "";
  token: Uint8Array = new Uint8Array();

  static async make(world: Door, onboarding: Pair, serial: string, device?: Pair): Promise<Box> {
    return new Box(world, onboarding, serial, device ?? (await selfSigned(`device ${serial}`)));
  }

  constructor(world: Door, onboarding: Pair, serial: string, device: Pair) {
    this.world = world;
    this.onboarding = onboarding;
    this.serial = serial;
    this.device = device;
  }

  registration(over: MessageInitShape<typeof register.ZRegisterMsgSchema> = {}): Uint8Array {
    const message = create(register.ZRegisterMsgSchema, {
      ...{ serial: this.serial, pemCert: base64Pem(this.device.certificatePem), ...over },
    });
    return envelope(this.onboarding, toBinary(register.ZRegisterMsgSchema, message), {
      senderCert: base64Pem(this.onboarding.certificatePem),
    });
  }

  async register(): Promise<number> {
    return (await this.world.request("register", this.registration())).status;
  }

  /** Asks who it is; the status when it is nobody. */
  async fetchUuid(): Promise<string | number> {
    const { status, body } = await this.world.request("uuid", envelope(this.device, new Uint8Array()));
    if (status !== 200) return status;
    this.id = fromBinary(uuidApi.UuidResponseSchema, decodeEnvelope(body).payload).uuid;
    return this.id;
  }

  async attest(
    message: MessageInitShape<typeof attest.ZAttestReqSchema>,
  ): Promise<attest.ZAttestResponse | number> {
    const { status, body } = await this.post("attest", attest.ZAttestReqSchema, message);
    if (status !== 201) return status;
    return fromBinary(attest.ZAttestResponseSchema, decodeEnvelope(body).payload);
  }

  /** A quote without a TPM; keeps the token. */
  async attestInSoftware(version = "1.0"): Promise<attest.ZAttestQuoteResp | undefined> {
    const quote = { versions: [{ versionType: 1 as const, version }] };
    const answer = await this.attest({ reqType: attest.ZAttestReqType.ATTEST_REQ_QUOTE, quote });
    if (typeof answer === "number") return undefined;
    this.token = answer.quoteResp?.integrityToken ?? this.token;
    return answer.quoteResp;
  }

  async poll(configHash = ""): Promise<DeviceResponse> {
    const message = { configHash, integrityToken: this.token };
    return await this.post("config", config.ConfigRequestSchema, message);
  }

  async post<Desc extends DescMessage>(
    endpoint: EndpointName,
    schema: Desc,
    message: MessageInitShape<Desc>,
    ids: { node?: string; app?: string } = {},
  ): Promise<DeviceResponse> {
    const body = envelope(this.device, toBinary(schema, create(schema, message)));
    return await this.world.request(endpoint, body, { node: this.id, ...ids });
  }

  /** Registered, named, attested. */
  static async enrolled(world: Door, onboarding: Pair, serial: string): Promise<Box> {
    const box = await Box.make(world, onboarding, serial);
    await box.register();
    await box.fetchUuid();
    await box.attestInSoftware();
    return box;
  }
}

/** A world with one node in it, which has been given this configuration where one is named. */
export async function enrolledBox(
  onboarding: Pair,
  given?: RenderedConfig,
  nodeRate?: number,
): Promise<{ world: NodeWorld; box: Box } & AsyncDisposable> {
  const world = await NodeWorld.start(undefined, nodeRate);
  await world.addProfile(onboarding);
  const box = await Box.enrolled(world, onboarding, "A");
  if (given !== undefined) world.configs.set(box.id, given);
  return { world, box, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

export function payloadOf<Desc extends DescMessage>(schema: Desc, body: Uint8Array): MessageShape<Desc> {
  return fromBinary(schema, decodeEnvelope(body).payload);
}

export function textOf({ body }: DeviceResponse): string {
  return new TextDecoder().decode(body);
}
