/** One boot of a device of EVE: everything it does with its controller, until the power goes. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type Clock,
  type Instant,
  type Millis,
  millis,
  minutes,
  type Random,
  uuid as randomUuid,
  seconds,
} from "@selvedge/base";
import { certs, config, register, uuid as uuidApi } from "@selvedge/eve-api";
import { base64Text } from "../wire-bytes.ts";
import { checkChange, isCommand } from "./config-changes.ts";
import { checkConfig } from "./config-rules.ts";
import { type ControllerCerts, readControllerCerts } from "./controller-certs.ts";
import { PillarApps } from "./pillar-apps.ts";
import { PillarAttest } from "./pillar-attest.ts";
import { openAnswer, PillarConnection, type Sent, type Wire } from "./pillar-connection.ts";
import type { PillarDisk } from "./pillar-disk.ts";
import { edgeCertificate, type KeyPair, type PillarKeys } from "./pillar-keys.ts";
import type { DeviceFacts } from "./pillar-messages.ts";
import { PillarQueue } from "./pillar-queue.ts";
import { PillarReports } from "./pillar-reports.ts";
import { openSecrets } from "./pillar-secrets.ts";
import type { PillarTpm } from "./pillar-tpm.ts";
import { PillarPanic, type Strictness } from "./strictness.ts";

export interface AgentOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly wire: Wire;
  readonly strict: Strictness;
  readonly keys: PillarKeys;
  readonly onboarding: KeyPair;
  readonly root: string;
  readonly serial: string;
  readonly disk: PillarDisk;
  readonly tpm: PillarTpm | undefined;
  readonly version: string;
  readonly boots: number;
  /** A crash of the agent, or a command. */
  readonly reboot: () => void;
}

const attestEvery = seconds(15);
const certsEvery = 86_400_000;
const certsAgain = seconds(120);
const uuidAgain = minutes(10);

export class PillarAgent {
  readonly connection: PillarConnection;
  readonly queue: PillarQueue;
  readonly apps: PillarApps;
  readonly attest: PillarAttest;
  readonly #options: AgentOptions;
  readonly #reports: PillarReports;
  readonly #bootedAt: Instant;
  readonly #startedAt: Millis;
  #isKnown = true;
  #certs: ControllerCerts | undefined;
  readonly #exchange = new Map<string, ControllerCerts["signing"]>();
  #hash = "";
  #timestamp = 0;
  #current: config.EdgeDevConfig | undefined;
  #askedUuidAt = Number.NEGATIVE_INFINITY;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { clock, random, wire, strict, keys, tpm, version, disk } = options;
    this.#bootedAt = clock.now();
    this.#startedAt = clock.monotonic();
    this.connection = new PillarConnection({ wire, strict, requestId: () => randomUuid(random) });
    this.queue = new PillarQueue(clock, strict, (payload) => this.#post("info", payload));
    const facts = (): DeviceFacts => this.facts();
    this.apps = new PillarApps({ clock, queue: this.queue, facts });
    this.attest = new PillarAttest(
      {
        post: (payload) => this.#enveloped("attest", payload),
        random: (length) => random.bytes(length),
        strict,
      },
      keys,
      { tpm, version, vault: disk.vault },
    );
    this.#reports = new PillarReports({
      ...{ clock, random, strict, disk, facts, queue: this.queue, apps: this.apps },
      post: (action, payload) => this.#post(action, payload),
      item: (key, fallback) => this.#item(key, fallback),
    });
  }

  facts(): DeviceFacts {
    const { clock, disk, version, boots } = this.#options;
    return {
      ...{ id: disk.uuid ?? "", now: clock.now(), bootedAt: this.#bootedAt, version, boots },
      attested: this.attest.isComplete,
      upFor: Math.floor(clock.monotonic() - this.#startedAt),
      known: this.#isKnown,
      items: this.#current?.configItems ?? [],
      apps: [...this.apps.states().keys()],
    };
  }

  get current(): config.EdgeDevConfig | undefined {
    return this.#current;
  }

  start(): void {
    const { disk } = this.#options;
    if (disk.certs !== undefined) this.#readCerts(disk.certs);
    this.#loop(0, async () => {
      await this.#onboard();
      await this.#loadLastConfig();
      this.#serve();
      return undefined;
    });
  }

  /** Everything that runs beside each other once the device has a name. */
  #serve(): void {
    const { random } = this.#options;
    const spread = (span: number): number => span * (0.3 + 0.7 * random.next());
    this.#loop(0, async () => {
      await this.attest.step();
      return attestEvery;
    });
    this.#loop(0, async () => {
      await this.#poll();
      return spread(this.#item("timer.config.interval", 60) * 1000);
    });
    this.#loop(spread(certsEvery), async () => {
      return (await this.#fetchCerts())
        ? spread(this.#item("timer.cert.interval", 86_400) * 1000)
        : certsAgain;
    });
    for (const { every, step } of this.#reports.tasks()) {
      this.#loop(every(), async () => {
        await step();
        return every();
      });
    }
    this.#reports.first();
  }

  /** Again and again with growing pauses, until the controller has given a name. */
  async #onboard(): Promise<void> {
    const { disk, clock } = this.#options;
    for (let pause = 1000; disk.uuid === undefined; pause = Math.min(pause * 2, 60_000)) {
      if (await this.#fetchCerts()) {
        // Only the answer of `uuid` counts; `register` is repeated until then.
        await this.#register();
        disk.uuid = await this.#askUuid();
      }
      if (disk.uuid === undefined) await new Promise<void>((go) => clock.setTimer(millis(pause), go));
    }
  }

  async #register(): Promise<void> {
    const { keys, onboarding, serial, strict } = this.#options;
    const message = create(register.ZRegisterMsgSchema, {
      ...{ pemCert: base64Text(keys.device.pem), serial, softSerial: serial },
    });
    const payload = toBinary(register.ZRegisterMsgSchema, message);
    const sent = await this.connection.post("register", onboarding, payload, base64Text(onboarding.pem));
    if (sent.type === "ok") strict.require([200, 201].includes(sent.status), `register: ${sent.status}`);
    else if (sent.type === "error") strict.require(sent.status !== 409, "register: 409 to the same device");
  }

  async #askUuid(): Promise<string | undefined> {
    const { keys, strict } = this.#options;
    this.#askedUuidAt = this.#options.clock.monotonic();
    const sent = await this.connection.post("uuid", keys.device, new Uint8Array());
    if (sent.type !== "ok") return undefined;
    strict.require(sent.body.length > 0, "uuid: no body");
    const payload = await this.#open("uuid", sent.body);
    if (payload === undefined) return undefined;
    const { uuid } = fromBinary(uuidApi.UuidResponseSchema, payload);
    const good = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid);
    return strict.require(good, `uuid: ${uuid} is no UUID v4`) ? uuid : undefined;
  }

  async #poll(): Promise<void> {
    const { strict, clock, disk } = this.#options;
    const asked = { configHash: this.#hash, integrityToken: this.attest.token };
    const request = toBinary(config.ConfigRequestSchema, create(config.ConfigRequestSchema, asked));
    const sent = await this.#post("config", request);
    if (sent.type === "forbidden") this.attest.forbidden();
    this.#isKnown = sent.type === "ok" || (this.#isKnown && sent.type !== "not-found");
    if (sent.type === "not-found" && clock.monotonic() - this.#askedUuidAt >= uuidAgain) {
      const now = await this.#askUuid();
      if (now !== undefined && now !== disk.uuid) this.#rename(now);
    }
    if (sent.type !== "ok") return;
    if (sent.status === 304 || sent.body.length === 0) {
      strict.require(this.#hash !== "", "config: unchanged, to a device that has none");
      return;
    }
    const payload = await this.#open("config", sent.body);
    if (payload !== undefined) await this.#take(payload, sent.body);
  }

  /** Another name: all begins anew, but for the keys. */
  #rename(uuid: string): void {
    const { disk, reboot } = this.#options;
    Object.assign(disk, { uuid, lastConfig: undefined });
    reboot();
  }

  async #take(payload: Uint8Array, envelope: Uint8Array): Promise<void> {
    const { strict, disk } = this.#options;
    const { config: read, configHash } = fromBinary(config.ConfigResponseSchema, payload);
    if (!strict.require(configHash !== "", "config: an empty configHash means unchanged")) return;
    if (configHash === this.#hash) return;
    // Before it is parsed: one that cannot be is not fetched again until its hash changes.
    this.#hash = configHash;
    if (read === undefined) return strict.fault("config: no configuration in the answer");
    const at = read.configTimestamp === undefined ? 0 : timestampMs(read.configTimestamp);
    if (!strict.require(at >= this.#timestamp, "config: older than the last, so it is never applied")) return;
    await this.#apply(read, at);
    disk.lastConfig = envelope;
  }

  async #apply(read: config.EdgeDevConfig, at: number): Promise<void> {
    const { strict, disk, keys, reboot } = this.#options;
    checkConfig(read, disk.uuid ?? "", strict);
    const before = this.#current;
    if (before !== undefined) checkChange(before, read, strict);
    if (before !== undefined && before.controllercertConfighash !== read.controllercertConfighash) {
      await this.#fetchCerts();
    }
    const { certHash } = edgeCertificate(certs.ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE, keys.exchange);
    openSecrets(read, keys.exchange, certHash, this.#exchange, strict);
    this.#timestamp = at;
    this.#current = read;
    for (const command of ["reboot", "shutdown"] as const) {
      const sent = read[command];
      const now = isCommand(disk.counters[command], sent);
      disk.counters[command] = sent?.counter;
      if (now) return reboot();
    }
    this.apps.apply(read);
    this.#reports.configured(read, before);
  }

  /** At a boot the device goes on with what it had, whoever can be reached. */
  async #loadLastConfig(): Promise<void> {
    const { disk, strict } = this.#options;
    if (disk.lastConfig === undefined || this.#certs === undefined) return;
    const opened = openAnswer(disk.lastConfig, this.#certs);
    // Signed with a key that was replaced since: it is fetched again.
    if (opened.type !== "payload") return;
    const { config: read } = fromBinary(config.ConfigResponseSchema, opened.payload);
    if (read === undefined) strict.fault("lastconfig: empty");
    else await this.#apply(read, read.configTimestamp === undefined ? 0 : timestampMs(read.configTimestamp));
  }

  async #fetchCerts(): Promise<boolean> {
    const sent = await this.connection.get("certs");
    if (sent.type !== "ok") return false;
    this.#options.strict.require(sent.status === 200 && sent.body.length > 0, `certs: ${sent.status}`);
    return this.#readCerts(sent.body);
  }

  #readCerts(answer: Uint8Array): boolean {
    const { root, clock, strict, disk } = this.#options;
    const read = readControllerCerts(answer, root, clock.now());
    if (typeof read === "string") {
      strict.fault(read);
      return false;
    }
    this.#certs = read;
    for (const [name, certificate] of read.exchange) this.#exchange.set(name, certificate);
    disk.certs = answer;
    return true;
  }

  #post(action: string, payload: Uint8Array): Promise<Sent> {
    return this.connection.post(
      `id/${this.#options.disk.uuid}/${action}`,
      this.#options.keys.device,
      payload,
    );
  }

  async #enveloped(action: string, payload: Uint8Array): Promise<{ sent: Sent; payload?: Uint8Array }> {
    const sent = await this.#post(action, payload);
    if (sent.type !== "ok") return { sent };
    this.#options.strict.require(sent.body.length > 0, `${action}: ${sent.status} without a body`);
    const opened = await this.#open(action, sent.body);
    return { sent, ...(opened && { payload: opened }) };
  }

  /** What is in an envelope. One by an unknown certificate is dropped; the list is fetched for the next. */
  async #open(action: string, body: Uint8Array): Promise<Uint8Array | undefined> {
    const { strict } = this.#options;
    if (this.#certs === undefined && !(await this.#fetchCerts())) return undefined;
    const opened = openAnswer(body, this.#certs as ControllerCerts);
    if (opened.type === "payload") return opened.payload;
    if (opened.type === "bad") {
      strict.fault(`${action}: ${opened.why}`);
    } else if (await this.#fetchCerts()) {
      const again = openAnswer(body, this.#certs as ControllerCerts);
      strict.require(again.type === "payload", `${action}: signed by a certificate that is not published`);
    }
    return undefined;
  }

  /** A setting as a number, within what a device takes. */
  #item(key: string, fallback: number): number {
    const text = this.#current?.configItems.find((item) => item.key === key)?.value;
    if (text === undefined) return fallback;
    const value = Number(text);
    this.#options.strict.require(Number.isInteger(value) && value >= 5, `configItems: ${key} is ${text}`);
    return Number.isInteger(value) && value >= 5 ? value : fallback;
  }

  /** Does something now and then; `undefined` ends it. A crash of the agent reboots the box. */
  #loop(first: number, step: () => Promise<Millis | number | undefined>): void {
    const { clock, strict, reboot } = this.#options;
    const again = (after: number): void => {
      clock.setTimer(millis(after), () => {
        step().then(
          (next) => next !== undefined && again(next),
          (error: unknown) => {
            if (!(error instanceof PillarPanic))
              strict.fault(`the simulator failed: ${(error as Error).stack}`);
            else strict.fault(`the agent crashes: ${error.message} is missing`);
            reboot();
          },
        );
      });
    };
    again(first);
  }
}
