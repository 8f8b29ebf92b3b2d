import { createPrivateKey, createPublicKey, generateKeyPair, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import {
  type Clock,
  describeError,
  instant,
  type Log,
  type Millis,
  millis,
  type Random,
  seconds,
} from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import { VaultLockedError } from "../host/sealed-disk.ts";
import type { PortSecret } from "../port/port-spec.ts";
import {
  type Asked,
  certificatePhase,
  digestOfSpec,
  type KeptCertificate,
  nextCertificateStep,
  pathOfCertificate,
  type Validity,
} from "./certificate-plan.ts";
import type { CertificateSpec } from "./certificate-spec.ts";
import { enrol, type ScepCarrier } from "./scep-client.ts";

export interface CertificateParts {
  readonly store: EngineStore;
  /** Where keys are kept: only the vault opens it. */
  readonly sealed: Disk;
  readonly carrier: ScepCarrier;
  /** Opens the word by which an authority knows whom to serve. */
  readonly secrets: { openPortSecret(secret: PortSecret): Promise<{ readonly password: string }> };
  readonly settings: { seconds(key: "scep.retry.interval"): Millis };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What a port proves itself with. PEM. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
  /** Those that vouch for the certificate, and for whom it is shown to. */
  readonly chain: readonly string[];
}

const makeKeys = promisify(generateKeyPair);
/** While the vault is closed. */
const lockedEvery = seconds(10);

/** Has a certificate for each profile of the configuration, and another one before it runs out. */
export class CertificateReconciler implements Reconciler<string> {
  readonly name = "certificate";
  readonly reads: readonly string[] = ["desired"];
  readonly writes: readonly string[] = ["certificates"];
  readonly #parts: CertificateParts;
  readonly #kept = new Map<string, KeptCertificate>();
  readonly #asked = new Map<string, Asked>();

  constructor(parts: CertificateParts) {
    this.#parts = parts;
  }

  /** Undefined: there is none, or it has run out. */
  credential(profile: string): Credential | undefined {
    const kept = this.#kept.get(profile);
    const validity = validityOf(kept);
    if (kept?.certificate === undefined || validity === undefined) return undefined;
    if (this.#parts.clock.now() >= validity.to) return undefined;
    return { certificate: kept.certificate, key: kept.key, chain: kept.chain };
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    const { store, settings, clock } = this.#parts;
    const spec = store.desired.get()?.certificates?.find((it) => it.name === name);
    if (spec === undefined) return await this.#forget(name);
    if (spec.fault !== undefined) {
      store.certificates.set(name, { phase: "invalid", error: spec.fault });
      return settled;
    }
    try {
      await this.#load(spec);
    } catch (error) {
      if (!(error instanceof VaultLockedError)) throw error;
      store.certificates.set(name, { phase: "pending", error: "the vault that has its key is closed" });
      return lookAgain("the vault opens once the node has proved its state", lockedEvery);
    }
    const { renewAtPercent } = spec.request;
    const step = nextCertificateStep({
      ...{ validity: validityOf(this.#kept.get(name)), renewAtPercent, asked: this.#asked.get(name) },
      ...{ retryMs: settings.seconds("scep.retry.interval"), now: clock.now() },
    });
    if (step.do === "ask") await this.#ask(spec, step.renews, signal);
    this.#tell(spec);
    return lookAgain("certificates run out", step.do === "ask" ? millis(1) : millis(step.ms));
  }

  async #ask(spec: CertificateSpec, renews: boolean, signal: AbortSignal): Promise<void> {
    const { clock, secrets, log } = this.#parts;
    const { name } = spec;
    const asked = (result: Asked["result"]): void => void this.#asked.set(name, { at: clock.now(), result });
    try {
      const kept = this.#kept.get(name) ?? (await this.#begin(spec));
      const privateKey = createPrivateKey(kept.key);
      const keys = { privateKey, publicKey: createPublicKey(privateKey) };
      const before =
        renews && kept.certificate !== undefined
          ? { certificate: kept.certificate, key: privateKey }
          : undefined;
      const { password: challenge } = await secrets.openPortSecret(spec.challenge);
      const granted = await enrol(this.#parts, { spec, challenge, keys, before }, signal);
      if (granted === undefined) {
        log.info("somebody has to decide about a certificate", { profile: name });
        return asked("pending");
      }
      await this.#keep({ ...kept, ...granted });
      asked("granted");
      log.info("there is a certificate", { profile: name, renews });
    } catch (error) {
      signal.throwIfAborted();
      asked({ error: describeError(error) });
      log.warn("there is no certificate", { profile: name, error: describeError(error) });
    }
  }

  async #begin(spec: CertificateSpec): Promise<KeptCertificate> {
    const { privateKey } = await makeKeys("rsa", { modulusLength: spec.request.keyBits });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const kept = { name: spec.name, digest: digestOfSpec(spec), key, chain: [] };
    await this.#keep(kept);
    return kept;
  }

  async #keep(kept: KeptCertificate): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(kept));
    await this.#parts.sealed.writeDurable(pathOfCertificate(kept.name), bytes);
    this.#kept.set(kept.name, kept);
  }

  /** What was asked for by another profile of the name is nothing of this one's. */
  async #load(spec: CertificateSpec): Promise<void> {
    const { name } = spec;
    const known = this.#kept.get(name) ?? (await this.#read(name));
    if (known?.digest === digestOfSpec(spec)) {
      this.#kept.set(name, known);
      return;
    }
    if (known !== undefined) await this.#parts.sealed.remove(pathOfCertificate(name));
    this.#kept.delete(name);
    this.#asked.delete(name);
  }

  async #read(name: string): Promise<KeptCertificate | undefined> {
    const bytes = await this.#parts.sealed.read(pathOfCertificate(name));
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as KeptCertificate;
    } catch (error) {
      this.#parts.log.error("a certificate is unreadable; another is asked for", { profile: name, error });
      return undefined;
    }
  }

  #tell({ name, request }: CertificateSpec): void {
    const { store, clock } = this.#parts;
    const kept = this.#kept.get(name);
    const asked = this.#asked.get(name);
    const error = typeof asked?.result === "object" ? asked.result.error : undefined;
    store.certificates.set(name, {
      phase: certificatePhase(validityOf(kept), asked, clock.now()),
      renewAtPercent: request.renewAtPercent,
      ...(kept?.certificate === undefined ? {} : { certificate: kept.certificate }),
      ...(error === undefined ? {} : { error }),
    });
  }

  async #forget(name: string): Promise<Outcome> {
    await this.#parts.sealed.remove(pathOfCertificate(name));
    this.#kept.delete(name);
    this.#asked.delete(name);
    this.#parts.store.certificates.delete(name);
    return settled;
  }
}

function validityOf(kept: KeptCertificate | undefined): Validity | undefined {
  if (kept?.certificate === undefined) return undefined;
  const { validFromDate, validToDate } = new X509Certificate(kept.certificate);
  return { from: instant(validFromDate.getTime()), to: instant(validToDate.getTime()) };
}
