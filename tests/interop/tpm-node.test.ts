/**
 * A node's own parts on a software TPM against the controller's gateway, over TLS. Nothing in between is
 * simulated.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Log, millis, SystemClock, SystemRandom, silentSink, sleep } from "@selvedge/base";
import { attest, config } from "@selvedge/eve-api";
import type { MeasuredBoot } from "@selvedge/kinds";
import { NodeWorld, selfSigned } from "../../packages/controller/test/node-world.ts";
import { Attestation } from "../../packages/engine/src/control/attestation.ts";
import { ControllerClient } from "../../packages/engine/src/control/controller-client.ts";
import { ControllerTrust } from "../../packages/engine/src/control/controller-trust.ts";
import { Enroller } from "../../packages/engine/src/control/enroller.ts";
import type { EnrolmentConfig } from "../../packages/engine/src/control/enrolment-config.ts";
import { Secrets } from "../../packages/engine/src/control/secrets.ts";
import { Settings } from "../../packages/engine/src/control/settings/settings.ts";
import type { DesiredState } from "../../packages/engine/src/desired.ts";
import { Cell } from "../../packages/engine/src/engine-store.ts";
import { LinuxDisk } from "../../packages/engine/src/host/linux/linux-disk.ts";
import { NodeHttpClient } from "../../packages/engine/src/host/linux/node-http-client.ts";
import { Identity } from "../../packages/engine/src/identity/identity.ts";
import { TpmSocketChannel } from "../../packages/engine/src/identity/tpm/tpm-channel.ts";
import { TpmKeyStore } from "../../packages/engine/src/identity/tpm/tpm-key-store.ts";
import { algorithms, frameCommand, TpmWriter } from "../../packages/engine/src/identity/tpm/tpm-wire.ts";
import { VaultKey } from "../../packages/engine/src/identity/vault-key.ts";
import { encodeEventLog } from "../../packages/harness/src/pillar/pillar-tpm.ts";

const skip = existsSync("/usr/bin/swtpm") ? false : "swtpm is not installed";
const clock = new SystemClock();
const random = new SystemRandom();
const log = new Log("test", clock, silentSink);
const onboarding = await selfSigned("onboarding");

describe("a node with a TPM and our controller", { skip }, () => {
  it("enrol, attest with a quote, exchange a secret, and go on after the controller restarted", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "selvedge-interop-"));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const first = await NodeWorld.start();
    await first.addProfile(onboarding, { serials: ["S-*"] });
    const tls = await serve(first);
    const node = await makeNode(folder, tls.port, first, stack);

    const id = await node.enrol();
    assert.equal(first.edgeNode("s-1")?.status?.nodeID, id);

    const stop = new AbortController();
    const running = node.attestation.run(stop.signal).catch(() => undefined);
    while (node.attestation.state !== "complete") await sleep(clock, millis(10));
    assert.equal(first.trust.attestation.of(id)?.proof, "tpm");

    const plaintext = new TextEncoder().encode("only for this box");
    const block = await first.trust.sealer.seal(id, "secret", plaintext);
    assert.ok(block);
    node.secrets.use({ contexts: first.trust.sealer.contexts(id), lists: node.trust.lists });
    assert.deepEqual(new Uint8Array(await node.secrets.open(block)), plaintext);

    first.configs.set(id, rendered("h1"));
    assert.deepEqual(await node.poll("", id), [200, "h1"]);
    assert.deepEqual(await node.poll("h1", id), [304, undefined]);
    stop.abort();
    await running;
    await tls.close();
    await first[Symbol.asyncDispose]();

    await using second = await NodeWorld.start(first.remains);
    const again = await serve(second, tls.port);
    stack.defer(() => again.close());
    second.configs.set(id, rendered("h2"));
    assert.deepEqual(await node.poll("h1", id), [200, "h2"], "its token is still good");
  });

  it("find each other again after the node was deleted", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "selvedge-interop-"));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const world = stack.use(await NodeWorld.start());
    await world.addProfile(onboarding);
    const tls = await serve(world);
    stack.defer(() => tls.close());
    const node = await makeNode(folder, tls.port, world, stack);
    const before = await node.enrol();
    await world.deleteEdgeNode("s-1");
    assert.deepEqual(await node.poll("", before), [404, undefined]);
    const now = await node.askAgain();
    assert.ok(now !== undefined && now !== before);
    assert.equal(world.edgeNode("s-1")?.status?.nodeID, now);
  });

  it("a quote over another nonce, and one without the TPM, are refused", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "selvedge-interop-"));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const world = stack.use(await NodeWorld.start());
    await world.addProfile(onboarding, {});
    const tls = await serve(world);
    stack.defer(() => tls.close());
    const node = await makeNode(folder, tls.port, world, stack);
    const id = await node.enrol();
    const stop = new AbortController();
    const running = node.attestation.run(stop.signal).catch(() => undefined);
    while (node.attestation.state !== "complete") await sleep(clock, millis(10));
    stop.abort();
    await running;
    const known = world.trust.enrolment.byId(id);
    assert.ok(known);
    const { NONCE_MISMATCH, QUOTE_FAILED } = attest.ZAttestResponseCode;
    const fresh = world.trust.attestation.nonce(id);
    const wrong = await node.keys.quote(Uint8Array.from(fresh, (byte) => byte ^ 1));
    assert.equal(world.trust.attestation.quote(known, toMessage(wrong)).response, NONCE_MISMATCH);
    const empty = create(attest.ZAttestQuoteSchema);
    assert.equal(world.trust.attestation.quote(known, empty).response, QUOTE_FAILED);
    const changed = toMessage(await node.keys.quote(fresh));
    const [register] = changed.pcrValues;
    assert.ok(register);
    register.value = new Uint8Array(32).fill(1);
    assert.equal(world.trust.attestation.quote(known, changed).response, QUOTE_FAILED);
  });
});

describe("what a TPM measured, and what a node may run", { skip }, () => {
  it("a quote is judged by its registers, and its event log accounts for them", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "selvedge-interop-"));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const log = ["firmware", "boot loader"].map((text, index) => {
      const data = new TextEncoder().encode(text);
      return { register: 4 * index, type: 8, data, digest: sha256(data) };
    });
    const expected = (data: Uint8Array): string => sha256(new Uint8Array(32), sha256(data)).toHex();
    const [first, second] = log.map(({ data }) => expected(data));
    const allowed = (loader = ""): MeasuredBoot => ({
      allowed: [{ system: "1.*", registers: { 0: first ?? "", 4: loader } }],
    });
    const world = stack.use(await NodeWorld.start());
    await world.addProfile(onboarding, { measuredBoot: allowed(second) });
    const tls = await serve(world);
    stack.defer(() => tls.close());
    const node = await makeNode(folder, tls.port, world, stack, async (socket) => {
      await using channel = new TpmSocketChannel(socket);
      for (const { register, digest } of log) await extend(channel, register, digest);
    });
    const id = await node.enrol();
    const stop = new AbortController();
    const running = node.attestation.run(stop.signal).catch(() => undefined);
    while (node.attestation.state !== "complete") await sleep(clock, millis(10));
    stop.abort();
    await running;
    world.configs.set(id, rendered("h"));
    assert.deepEqual(await node.poll("h", id), [304, undefined]);
    assert.equal(world.trust.attestation.measurementsOf(id)?.registers[4], second);

    const known = world.trust.enrolment.byId(id);
    assert.ok(known);
    const quoted = async (events: typeof log): Promise<attest.ZAttestQuoteResp> => {
      const message = toMessage(await node.keys.quote(world.trust.attestation.nonce(id)));
      message.versions = [create(attest.AttestVersionInfoSchema, { versionType: 1, version: "1.0" })];
      message.tpmBinaryEventLog = gzipSync(encodeEventLog(events));
      return world.trust.attestation.quote(known, message);
    };
    assert.equal((await quoted(log)).response, attest.ZAttestResponseCode.SUCCESS);
    const { eventLog } = world.trust.attestation.measurementsOf(id) ?? {};
    assert.deepEqual(eventLog, { events: 2, explained: [0, 4], other: [] });
    await quoted([...log, ...log]);
    const more = world.trust.attestation.measurementsOf(id)?.eventLog;
    assert.deepEqual(more, { events: 4, explained: [], other: [0, 4] });

    await world.changeSpec("s-1", { measuredBoot: allowed("00".repeat(32)) });
    assert.equal((await node.poll("h", id))[0], 403, "another rule holds at once");
    assert.equal((await quoted(log)).response, attest.ZAttestResponseCode.QUOTE_FAILED);
    await world.reconcile("s-1");
    const condition = world.edgeNode("s-1")?.status?.conditions?.find(({ type }) => type === "Attested");
    assert.equal(condition?.reason, "QuoteRefused");
    assert.match(condition?.message ?? "", new RegExp(`4 is ${second}`));
  });
});

/** TPM2_PCR_Extend. */
async function extend(channel: TpmSocketChannel, register: number, digest: Uint8Array): Promise<void> {
  const body = new TpmWriter().u32(register).emptyAuth().u32(1).u16(algorithms.sha256).raw(digest).done();
  const answer = await channel.exchange(frameCommand(0x182, true, body));
  assert.equal(new DataView(answer.buffer, answer.byteOffset).getUint32(6), 0, "the TPM took it");
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function rendered(hash: string): { config: Uint8Array; hash: string } {
  return { config: toBinary(config.EdgeDevConfigSchema, create(config.EdgeDevConfigSchema)), hash };
}

type TpmQuote = Awaited<ReturnType<TpmKeyStore["quote"]>>;

function toMessage({ attested, signature, registers }: TpmQuote): attest.ZAttestQuote {
  const pcrValues = registers.map(({ index, value }) => ({
    index,
    hashAlgo: attest.TpmHashAlgo.SHA256,
    value,
  }));
  return create(attest.ZAttestQuoteSchema, { attestData: attested, signature: der(signature), pcrValues });
}

/** r‖s as ASN.1: what a TPM's tools write. */
function der(signature: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array): Buffer => {
    const start = bytes.findIndex((byte) => byte !== 0);
    const trimmed = bytes.subarray(start < 0 ? bytes.length - 1 : start);
    const body = (trimmed[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), trimmed]) : Buffer.from(trimmed);
    return Buffer.concat([Buffer.of(2, body.length), body]);
  };
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
  return new Uint8Array(Buffer.concat([Buffer.of(0x30, body.length), body]));
}

interface TestNode {
  readonly keys: TpmKeyStore;
  enrol(): Promise<string>;
  askAgain(): Promise<string | undefined>;
  readonly attestation: Attestation;
  readonly secrets: Secrets;
  readonly trust: ControllerTrust;
  /** The status, and the hash of the configuration that came. */
  poll(hash: string, id: string): Promise<readonly [number, string | undefined]>;
}

async function makeNode(
  folder: string,
  port: number,
  world: NodeWorld,
  stack: AsyncDisposableStack,
  boot?: (socket: string) => Promise<void>,
): Promise<TestNode> {
  const socket = await startTpm(folder, stack);
  await boot?.(socket);
  const keys = stack.use(await TpmKeyStore.open({ kind: "swtpm", socket }));
  const disk = new LinuxDisk(join(folder, "disk"));
  const identity = await Identity.open({ keys, disk, clock, random, log, label: "S-1" });
  const roots = [world.pki.rootCertificate];
  const enrolment: EnrolmentConfig = {
    ...{ baseUrl: `https://127.0.0.1:${port}`, roots, serial: "S-1", softSerial: "" },
    onboarding: { certificatePem: onboarding.certificatePem, keyPem: onboarding.keyPem },
  };
  const trust = new ControllerTrust({ disk, clock, roots });
  const http = stack.use(new NodeHttpClient());
  const settings = new Settings(new Cell<DesiredState | undefined>(undefined));
  const common = { http, clock, random, log, identity, trust, settings };
  const client = new ControllerClient({ ...common, config: enrolment });
  let id = "";
  const enroller = new Enroller({ client, config: enrolment, identity, disk, clock, random, log });
  const attestation = new Attestation({
    ...{ client, identity, clock, random, log },
    ...{ engineVersion: "1.0", firmwareVersion: "", node: () => id },
    vault: await VaultKey.open({ keys, disk, random, log }),
    trouble: () => undefined,
  });
  return {
    ...{ keys, attestation, trust, secrets: new Secrets(identity, clock) },
    askAgain: () => enroller.askAgain(AbortSignal.timeout(20_000)),
    async enrol() {
      id = await enroller.enrol(AbortSignal.timeout(20_000));
      return id;
    },
    async poll(hash, node) {
      const request = create(config.ConfigRequestSchema, {
        configHash: hash,
        integrityToken: attestation.token,
      });
      const payload = toBinary(config.ConfigRequestSchema, request);
      const answer = await client.post("config", payload, { node }, AbortSignal.timeout(10_000));
      const { status } = answer;
      return [
        status,
        status === 200 ? fromBinary(config.ConfigResponseSchema, answer.payload).configHash : undefined,
      ];
    },
  };
}

async function startTpm(folder: string, stack: AsyncDisposableStack): Promise<string> {
  const socket = join(folder, "tpm.sock");
  mkdirSync(join(folder, "tpm"));
  const tpm: ChildProcess = spawn(
    "swtpm",
    [
      ...["socket", "--tpm2", "--tpmstate", `dir=${join(folder, "tpm")}`],
      ...["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`],
      ...["--flags", "startup-clear,not-need-init"],
    ],
    { stdio: "ignore" },
  );
  stack.defer(async () => {
    const gone = once(tpm, "exit");
    tpm.kill("SIGKILL");
    await gone;
  });
  while (!(await answers(socket))) await sleep(clock, millis(10));
  return socket;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", done(true));
    socket.once("error", done(false));
  });
}

/** The gateway behind TLS, as its listener does it. */
async function serve(world: NodeWorld, port = 0): Promise<{ port: number; close(): Promise<void> }> {
  const server: Server = createServer(world.pki.deviceServer, (request, response) => {
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part));
    request.on("end", async () => {
      const answer = await world.gateway.handle({
        ...{ method: request.method ?? "", target: request.url ?? "", body: Buffer.concat(parts) },
        headers: request.headers as Record<string, string | undefined>,
        remote: request.socket.remoteAddress ?? "",
      });
      response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
