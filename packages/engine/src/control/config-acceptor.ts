/**
 * From an answer of the controller to what the engine believes:
 *
 *   verify ─► parse ─► is it ours? newer? ─► translate ─► write to disk ─► believe
 *
 * What is wrong with one object of it is that object's (config-fault.ts); the rest is taken all the same.
 *
 * Nothing is believed before it is on the disk, and what is on the disk is what came, with the certificates
 * that vouch for it, so that a later start checks it again instead of trusting a file.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Clock, describeError, type Instant, instant, type Log } from "@selvedge/base";
import { auth, certs, type cipher, config } from "@selvedge/eve-api";
import type { DesiredState } from "../desired.ts";
import type { Cell } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import { isSealed, VaultLockedError } from "../host/sealed-disk.ts";
import type { Vault } from "../ports.ts";
import type { Unread } from "../unread.ts";
import { ConfigFault } from "./config-fault.ts";
import { type ControllerCerts, openEnvelope } from "./controller-certs.ts";
import type { ControllerTrust } from "./controller-trust.ts";
import { certsToKeep } from "./kept-certs.ts";
import type { Secrets } from "./secrets.ts";
import { translate, unreadOf } from "./translate.ts";

export interface ConfigAcceptorParts {
  readonly disk: Disk;
  /** The same files, as only the vault's key opens them. */
  readonly sealed: Disk;
  readonly vault: Pick<Vault, "state" | "onChange">;
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: ControllerTrust;
  readonly secrets: Secrets;
  readonly desired: Cell<DesiredState | undefined>;
}

/** Why the newest configuration is not the one the engine runs on. */
export interface Refusal {
  readonly configHash: string;
  readonly field: string;
  readonly message: string;
  readonly at: Instant;
}

/** What goes with the desired state and is control's own business. */
export interface Accepted {
  /** Whom it was for. */
  readonly node: string;
  readonly configHash: string;
  readonly timestamp: number;
  /** A change means: tell everything again. */
  readonly epoch: bigint;
  /** A change means: ask for the controller's certificates. */
  readonly certsHash: string;
}

/**
 * EVE's BootstrapConfig: a signed configuration and the certificates to check it with. What users wrote is in it,
 * so it is sealed where there is a vault and it is open; one that comes before is sealed once it is.
 */
export const configPath = "control/config.pb";

/**
 * The last one that could be read whole, while that in force cannot: what is unreadable there stays as it is
 * here, through a start of the engine as well.
 */
const wholePath = "control/config-whole.pb";

/** Each is told of its object as well. */
const unreadMax = 32;

export class ConfigAcceptor {
  readonly #parts: ConfigAcceptorParts;
  #accepted: Accepted | undefined;
  #refusal: Refusal | undefined;
  /** Certificates of the controller that the configuration was accepted with. */
  #lists: readonly ControllerCerts[] = [];
  /** Of the last configuration that could be read whole: what stays as it was there is sealed as it was. */
  #wholeContexts: readonly cipher.CipherContext[] = [];
  /** Of the newest answer, accepted or not: what need not be sent again. */
  #heardHash = "";
  #receivedAt: Instant | undefined;
  #processedAt: Instant | undefined;
  /** What is written is written in order: nothing older over something newer. */
  #written: Promise<void> = Promise.resolve();

  constructor(parts: ConfigAcceptorParts) {
    this.#parts = parts;
    parts.vault.onChange(() => void this.#vaultChanged());
  }

  get accepted(): Accepted | undefined {
    return this.#accepted;
  }

  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** When a configuration last came, whatever became of it. */
  get receivedAt(): Instant | undefined {
    return this.#receivedAt;
  }

  /** When one was last accepted. */
  get processedAt(): Instant | undefined {
    return this.#processedAt;
  }

  get heardHash(): string {
    return this.#heardHash;
  }

  /** The controller shall send the configuration whether it changed or not. */
  forgetHash(): void {
    this.#heardHash = "";
  }

  /**
   * Believes what was accepted before this start. Dates are left out of it: the clock may be wrong, the box
   * must run.
   */
  async load(): Promise<void> {
    const { sealed, log } = this.#parts;
    try {
      const before = await this.#wholeBefore();
      const bytes = await sealed.read(configPath);
      // The controller may have been faster.
      if (bytes === undefined || this.#accepted !== undefined) return;
      const { response, list } = this.#open(bytes);
      this.#believe(response, [list], before);
      log.info("running on the configuration from before this start", { hash: this.#heardHash });
    } catch (error) {
      if (error instanceof VaultLockedError) {
        log.warn("the stored configuration stays sealed until the vault is open");
        return;
      }
      log.error("the stored configuration is not believed; waiting for the controller", {
        error: describeError(error),
      });
    }
  }

  /** Without it what cannot be read now waits, and all else goes on. */
  async #wholeBefore(): Promise<DesiredState | undefined> {
    const { sealed, secrets, log } = this.#parts;
    const bytes = await sealed.read(wholePath);
    if (bytes === undefined) return undefined;
    try {
      const { response } = this.#open(bytes);
      this.#wholeContexts = messageOf(response).cipherContexts;
      const open = secrets.openCredentials.bind(secrets);
      return translate(messageOf(response), response.configHash, open);
    } catch (error) {
      log.error("the configuration before is not believed", { error: describeError(error) });
      return undefined;
    }
  }

  /** What is stored is checked as if it had just come, but for its dates. */
  #open(bytes: Uint8Array): { readonly response: config.ConfigResponse; readonly list: ControllerCerts } {
    const stored = fromBinary(config.BootstrapConfigSchema, bytes);
    if (stored.signedConfig === undefined) throw new Error("it holds no envelope");
    const list = this.#parts.trust.reread(encodeCerts(stored.controllerCerts));
    const payload = openEnvelope(toBinary(auth.AuthContainerSchema, stored.signedConfig), [list]);
    return { response: fromBinary(config.ConfigResponseSchema, payload), list };
  }

  /** Throws away what was accepted: it was meant for another node. */
  async forget(): Promise<void> {
    for (const path of [configPath, wholePath]) await this.#parts.disk.remove(path);
  }

  /**
   * Takes an answer whose signature the client has checked. A configuration that cannot be accepted is
   * remembered as refused and changes nothing; a disk that cannot take it is thrown, for the caller to try
   * again.
   */
  async take(
    envelope: Uint8Array,
    payload: Uint8Array,
    node: string,
  ): Promise<"accepted" | "refused" | "unchanged"> {
    this.#receivedAt = this.#parts.clock.now();
    const read = this.#read(envelope, payload, node);
    if ("fault" in read) {
      this.#refuse(read.hash, read.fault);
      return "refused";
    }
    const { response, signer, unread } = read;
    // Whoever brings again what was refused is told so again.
    if (response.configHash === this.#heardHash)
      return this.#refusal?.configHash === response.configHash ? "refused" : "unchanged";
    const { trust } = this.#parts;
    const contexts = this.#contextsFor(messageOf(response), unread);
    const kept = certsToKeep(signer, contexts, [...trust.lists, ...this.#lists]);
    await this.#keep(envelope, kept, unread.length === 0);
    this.#believe(response, [...trust.lists, trust.reread(encodeCerts(kept))], this.#parts.desired.get());
    this.#processedAt = this.#parts.clock.now();
    const apps = response.config?.apps.length ?? 0;
    this.#parts.log.info("configuration accepted", { hash: response.configHash, apps });
    for (const { field, message, goesOn } of unread.slice(0, unreadMax))
      this.#parts.log.error("part of it cannot be read", { field, error: message, goesOn });
    return "accepted";
  }

  /** Everything that can be wrong with an answer shows here, before any of it is kept. */
  #read(envelope: Uint8Array, payload: Uint8Array, node: string): Read {
    let hash = "";
    try {
      const response = decode(payload);
      hash = response.configHash;
      if (hash === "") throw new ConfigFault("configHash", "is empty, so nothing could tell a change");
      const signer = this.#parts.trust.lists.find((list) => vouches(list, envelope));
      if (signer === undefined) throw new ConfigFault("senderCertHash", "nobody vouches for it any more");
      if (hash === this.#heardHash) return { response, signer, unread: [] };
      this.#check(response, node);
      const next = translate(messageOf(response), hash, refuseToOpen, this.#parts.desired.get());
      return { response, signer, unread: unreadOf(next) };
    } catch (error) {
      if (error instanceof ConfigFault) return { hash, fault: error };
      throw error;
    }
  }

  #refuse(hash: string, fault: ConfigFault): void {
    const { clock, log } = this.#parts;
    const { field } = fault;
    const message = describeError(fault);
    this.#heardHash = hash;
    const known = this.#refusal;
    // A controller that goes on sending the same is told once.
    if (known?.configHash === hash && known.field === field && known.message === message) return;
    this.#refusal = { configHash: hash, field, message, at: clock.now() };
    log.error("configuration refused; the last good one goes on", { hash, field, error: message });
  }

  #check(response: config.ConfigResponse, node: string): void {
    const message = messageOf(response);
    const own = nodeOf(message);
    if (own !== node) throw new ConfigFault("id.uuid", `is ${JSON.stringify(own)}; this node is ${node}`);
    const before = this.#timestampBefore(message);
    const timestamp = timestampOf(message);
    // One that says no time is held against none, as EVE does.
    if (message.configTimestamp !== undefined && timestamp < before)
      throw new ConfigFault(
        "config_timestamp",
        `${new Date(timestamp).toISOString()} is older than what this node runs on, ${new Date(before).toISOString()}`,
      );
  }

  /** A node that has another name was given nothing yet. */
  #timestampBefore(message: config.EdgeDevConfig): number {
    return this.#accepted?.node === nodeOf(message) ? this.#accepted.timestamp : 0;
  }

  async #keep(envelope: Uint8Array, controllerCerts: certs.ZCert[], whole: boolean): Promise<void> {
    const signedConfig = fromBinary(auth.AuthContainerSchema, envelope);
    const stored = create(config.BootstrapConfigSchema, { signedConfig, controllerCerts });
    const bytes = toBinary(config.BootstrapConfigSchema, stored);
    const known = this.#parts.desired.get();
    const wasWhole = known !== undefined && unreadOf(known).length === 0;
    await this.#inOrder(async () => {
      const disk = this.#diskNow();
      const before = !whole && wasWhole ? await disk.read(configPath) : undefined;
      if (before !== undefined) await disk.writeDurable(wholePath, before);
      await disk.writeDurable(configPath, bytes);
      if (whole && !wasWhole) await disk.remove(wholePath);
    });
  }

  #diskNow(): Disk {
    const { vault, disk, sealed } = this.#parts;
    return vault.state === "open" ? sealed : disk;
  }

  #contextsFor(
    { cipherContexts }: config.EdgeDevConfig,
    unread: readonly Unread[],
  ): readonly cipher.CipherContext[] {
    return unread.length === 0 ? cipherContexts : [...cipherContexts, ...this.#wholeContexts];
  }

  async #inOrder(write: () => Promise<void>): Promise<void> {
    const mine = this.#written.then(write);
    this.#written = mine.catch(() => undefined);
    await mine;
  }

  async #vaultChanged(): Promise<void> {
    const { vault, disk, sealed, log } = this.#parts;
    if (vault.state !== "open") return;
    try {
      if (this.#accepted === undefined) await this.load();
      await this.#inOrder(async () => {
        for (const path of [configPath, wholePath]) {
          const bytes = await disk.read(path);
          if (bytes !== undefined && !isSealed(bytes)) await sealed.writeDurable(path, bytes);
        }
      });
    } catch (error) {
      log.error("the stored configuration is not sealed", { error: describeError(error) });
    }
  }

  #believe(
    response: config.ConfigResponse,
    lists: readonly ControllerCerts[],
    before: DesiredState | undefined,
  ): void {
    const { secrets, desired, trust } = this.#parts;
    const message = messageOf(response);
    const { configHash } = response;
    const next = translate(message, configHash, (block) => secrets.openCredentials(block), before);
    const contexts = this.#contextsFor(message, unreadOf(next));
    if (unreadOf(next).length === 0) this.#wholeContexts = contexts;
    // Looked up when a secret is opened: a configuration may name a certificate that is asked for only now.
    secrets.use({
      contexts,
      get lists() {
        return [...trust.lists, ...lists];
      },
    });
    this.#lists = lists;
    this.#accepted = {
      node: nodeOf(message),
      configHash,
      timestamp: Math.max(timestampOf(message), this.#timestampBefore(message)),
      epoch: message.controllerEpoch,
      certsHash: message.controllercertConfighash,
    };
    this.#refusal = undefined;
    this.#heardHash = configHash;
    desired.set(next);
  }
}

type Read =
  | {
      readonly response: config.ConfigResponse;
      readonly signer: ControllerCerts;
      /** Nothing of it makes it unacceptable. */
      readonly unread: readonly Unread[];
    }
  | { readonly hash: string; readonly fault: ConfigFault };

function decode(payload: Uint8Array): config.ConfigResponse {
  try {
    return fromBinary(config.ConfigResponseSchema, payload);
  } catch (cause) {
    throw new ConfigFault("", "the answer is no configuration", { cause });
  }
}

function messageOf({ config: message }: config.ConfigResponse): config.EdgeDevConfig {
  if (message === undefined) throw new ConfigFault("config", "is missing");
  return message;
}

function nodeOf({ id }: config.EdgeDevConfig): string {
  return id?.uuid.toLowerCase() ?? "";
}

function timestampOf({ configTimestamp }: config.EdgeDevConfig): Instant {
  return instant(configTimestamp === undefined ? 0 : timestampMs(configTimestamp));
}

function encodeCerts(list: readonly certs.ZCert[]): Uint8Array {
  return toBinary(certs.ZControllerCertSchema, create(certs.ZControllerCertSchema, { certs: [...list] }));
}

function vouches(list: ControllerCerts, envelope: Uint8Array): boolean {
  try {
    openEnvelope(envelope, [list]);
    return true;
  } catch {
    return false;
  }
}

/** Translating twice must not open anything. */
async function refuseToOpen(): Promise<never> {
  throw new Error("nothing is opened while a configuration is checked");
}
