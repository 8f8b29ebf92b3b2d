import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Pkcs10CertificateRequest } from "@peculiar/x509";
import {
  type Clock,
  describeError,
  hours,
  type Log,
  type Millis,
  type Random,
  type Timer,
} from "@selvedge/base";
import { ControllerIdentity } from "./controller-identity.ts";
import {
  formatPair,
  isCurrent,
  issue,
  type Pair,
  type Purpose,
  parsePair,
  pemBlocks,
  signRequest,
} from "./issue.ts";
import { formatKubeconfig } from "./kubeconfig.ts";
import type { PkiFiles } from "./pki-files.ts";

export interface PkiOptions {
  readonly files: PkiFiles;
  /** Host names and addresses under which users reach the Kubernetes port. */
  readonly kubeNames: readonly string[];
  /** Host names and addresses under which nodes reach the device port. */
  readonly deviceNames: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What a TLS server shows: its certificate followed by the intermediate one, and its key. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Whoever has the controller's folder has the fleet; the root outlives the hardware it was installed on. */
const rootDays = 30 * 365;
const intermediateDays = 20 * 365;
/** What nodes trust changes rarely: each change makes every node fetch its list again. */
const identityDays = 10 * 365;
const serverDays = 365;
const adminDays = 10 * 365;
/** How often the age of everything is looked at. */
const checkEvery: Millis = hours(24);
/** Always reachable by these, besides what is advertised. */
const localNames = ["localhost", "127.0.0.1", "::1"];
const secretLength = 32;

/**
 * The controller's own certificate authority, made at its first start.
 *
 *   root ── intermediate ─┬─ kube-server, device-server    TLS
 *                         ├─ signing                       envelopes
 *                         └─ encryption                    secrets for nodes
 *   clients ── admin                                       who may use the Kubernetes API
 *
 * Each is one text with certificate and key. What is missing, too old, or for other names than wanted is
 * made again; the root never is: a node knows no other.
 */
export class Pki implements Disposable {
  readonly #options: PkiOptions;
  readonly #listeners = new Set<() => void>();
  #state: State;
  #timer: Timer | undefined;

  static async open(options: PkiOptions): Promise<Pki> {
    return new Pki(options, await ensure(options));
  }

  private constructor(options: PkiOptions, state: State) {
    this.#options = options;
    this.#state = state;
    this.#schedule();
  }

  /** The one certificate nodes and users are given to trust this controller. */
  get rootCertificate(): string {
    return this.#state.root.certificatePem;
  }

  /** Whose client certificates the Kubernetes port accepts. */
  get clientAuthority(): string {
    return this.#state.clients.certificatePem;
  }

  get kubeServer(): TlsPair {
    return this.#tls(this.#state.kubeServer);
  }

  get deviceServer(): TlsPair {
    return this.#tls(this.#state.deviceServer);
  }

  /** What the controller is towards nodes. Ask for it at each use: a renewal replaces it. */
  get identity(): ControllerIdentity {
    return this.#state.identity;
  }

  /** What one replica is towards the API of another: its administrator, who may speak for every user. */
  get peerClient(): TlsPair & { readonly ca: string } {
    const { certificatePem, keyPem } = this.#state.admin;
    return { ca: this.rootCertificate, cert: certificatePem, key: keyPem };
  }

  /** A kubeconfig for the administrator, with everything inside. `server` is like https://127.0.0.1:6443. */
  kubeconfig(server: string): string {
    const { certificatePem, keyPem } = this.#state.admin;
    return formatKubeconfig({
      ...{ server, authority: this.rootCertificate, user: "admin" },
      ...{ certificate: certificatePem, key: keyPem },
    });
  }

  /** Random bytes under a name, the same for ever: for keyed hashes that every restart must repeat. */
  secret(name: string): Uint8Array {
    const { files, random } = this.#options;
    const file = `${name}.secret`;
    const stored = files.read(file);
    if (stored !== undefined) return Uint8Array.fromHex(stored.trim());
    const made = random.bytes(secretLength);
    files.write(file, `${made.toHex()}\n`);
    return made;
  }

  /**
   * Keys that tokens of ServiceAccounts are signed with: the first signs, what it took the place of is still
   * believed. Made once: every token would end with it.
   */
  accountKeys(): readonly KeyObject[] {
    const { files } = this.#options;
    const [newest = "", ...older] = ["accounts", "accounts-previous"].map((name) => files.read(fileOf(name)));
    const keys = older.filter((text) => text !== undefined).map((text) => createPrivateKey(text));
    if (newest !== "") return [createPrivateKey(newest), ...keys];
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    files.write(fileOf("accounts"), privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    return [privateKey, ...keys];
  }

  /** Signs a request for a client certificate; whoever calls has made sure that it may be. */
  signClient(request: Pkcs10CertificateRequest, keyEncipherment: boolean, seconds: number): Promise<string> {
    const { clock, random } = this.#options;
    const issuer = this.#state.clients;
    return signRequest({ request, keyEncipherment, seconds, issuer, now: clock.now(), random });
  }

  /**
   * Called after a renewal: TLS servers and the gateway then take the new certificates. Returns how to
   * stop.
   */
  onRenewed(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Renews what has aged. Called by itself once a day. */
  async renew(): Promise<void> {
    await this.#ensure([]);
  }

  /**
   * Replaces what the controller is towards nodes, now: the key it signs with, and the one secrets are
   * encrypted with. Nothing that is under way is refused: nodes fetch the list when they meet the new
   * signature or the new hash in their configuration, and secrets sealed before can be opened as long as the
   * old certificate is published.
   */
  async rotate(): Promise<void> {
    await this.#ensure(["signing", "encryption"]);
  }

  async #ensure(anew: readonly string[]): Promise<void> {
    const before = this.#state;
    this.#state = await ensure(this.#options, anew);
    const changed = keptParts.some(
      (part) => before[part].certificatePem !== this.#state[part].certificatePem,
    );
    if (changed) for (const listener of [...this.#listeners]) listener();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #tls({ certificatePem, keyPem }: Pair): TlsPair {
    return { cert: `${certificatePem}\n${this.#state.intermediate.certificatePem}\n`, key: `${keyPem}\n` };
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimer(checkEvery, () => {
      this.renew().catch((error: unknown) =>
        this.#options.log.error("certificates could not be renewed; trying again tomorrow", { error }),
      );
      this.#schedule();
    });
  }
}

interface State {
  readonly root: Pair;
  readonly intermediate: Pair;
  readonly kubeServer: Pair;
  readonly deviceServer: Pair;
  readonly clients: Pair;
  readonly admin: Pair;
  readonly signing: Pair;
  readonly encryption: Pair;
  readonly identity: ControllerIdentity;
}

const keptParts = [
  "intermediate",
  "kubeServer",
  "deviceServer",
  "clients",
  "admin",
  "signing",
  "encryption",
] as const;

/** Reads everything, and makes what is missing or has aged, or is to be made anew. */
async function ensure(options: PkiOptions, anew: readonly string[] = []): Promise<State> {
  const workshop = new Workshop(options, anew);
  const root = await workshop.root("root", "CN=Selvedge root", 1);
  const intermediate = await workshop.issued("intermediate", root, {
    ...{
      subject: "CN=Selvedge intermediate",
      purpose: { type: "authority", depth: 0 },
      days: intermediateDays,
    },
  });
  const server = (file: string, names: readonly string[]): Promise<Pair> => {
    const all = [...new Set([...names, ...localNames])];
    const purpose: Purpose = { type: "server", names: all };
    return workshop.issued(file, intermediate, { subject: `CN=${all[0]}`, purpose, days: serverDays });
  };
  const kubeServer = await server("kube-server", options.kubeNames);
  const deviceServer = await server("device-server", options.deviceNames);
  const clients = await workshop.root("clients", "CN=Selvedge clients", 0);
  const admin = await workshop.issued("admin", clients, {
    ...{ subject: "CN=admin, O=system:masters", purpose: { type: "client" }, days: adminDays },
  });
  const signing = await workshop.issued("signing", intermediate, {
    ...{ subject: "CN=Selvedge signing", purpose: { type: "signing" }, days: identityDays },
  });
  const encryption = await workshop.issued("encryption", intermediate, {
    ...{ subject: "CN=Selvedge encryption", purpose: { type: "agreement" }, days: identityDays },
  });
  const older = workshop.previous("encryption");
  const identity = new ControllerIdentity({
    signing: { certificate: signing.certificatePem, key: signing.key },
    encryption: [encryption, ...(older === undefined ? [] : [older])].map(({ certificatePem, key }) => ({
      ...{ certificate: certificatePem, key },
    })),
    intermediates: [intermediate, workshop.previous("intermediate")]
      .filter((pair) => pair !== undefined)
      .map(({ certificatePem }) => certificatePem),
  });
  return { root, intermediate, kubeServer, deviceServer, clients, admin, signing, encryption, identity };
}

/** Pairs by name in the files: read if they are good, made if not. */
class Workshop {
  readonly #options: PkiOptions;
  readonly #anew: readonly string[];

  constructor(options: PkiOptions, anew: readonly string[]) {
    this.#options = options;
    this.#anew = anew;
  }

  /**
   * A pair that signs itself. It is never replaced: when it cannot be read, only a human may decide to
   * start anew.
   */
  async root(name: string, subject: string, depth: number): Promise<Pair> {
    const stored = this.#options.files.read(fileOf(name));
    if (stored !== undefined) {
      try {
        return parsePair(stored);
      } catch (cause) {
        throw new Error(`pki/${fileOf(name)} is damaged: restore it from a backup, every node trusts it`, {
          cause,
        });
      }
    }
    const purpose: Purpose = { type: "authority", depth };
    return await this.#make(name, undefined, { subject, purpose, days: rootDays });
  }

  async issued(
    name: string,
    issuer: Pair,
    what: { readonly subject: string; readonly purpose: Purpose; readonly days: number },
  ): Promise<Pair> {
    const stored = this.#read(name);
    const names = what.purpose.type === "server" ? what.purpose.names : [];
    const isGood = stored !== undefined && isCurrent(stored, issuer, this.#options.clock.now(), names);
    if (isGood && !this.#anew.includes(name)) return stored;
    return await this.#make(name, issuer, what);
  }

  /** The pair that the newest one took the place of, while it is valid. */
  previous(name: string): Pair | undefined {
    const stored = this.#read(`${name}-previous`);
    if (stored === undefined) return undefined;
    const expired = Date.parse(stored.certificate.validTo) < this.#options.clock.now();
    return expired ? undefined : stored;
  }

  #read(name: string): Pair | undefined {
    const { files, log } = this.#options;
    const text = files.read(fileOf(name));
    if (text === undefined) return undefined;
    try {
      return parsePair(text);
    } catch (error) {
      log.warn("a certificate is damaged and is made again", { name, error: describeError(error) });
      return undefined;
    }
  }

  async #make(
    name: string,
    issuer: Pair | undefined,
    what: { readonly subject: string; readonly purpose: Purpose; readonly days: number },
  ): Promise<Pair> {
    const { files, clock, random, log } = this.#options;
    const made = await issue({ ...what, issuer, now: clock.now(), random });
    const old = files.read(fileOf(name));
    // Nodes may hold configurations sealed with the old key until they have fetched a newer one.
    if (old !== undefined && pemBlocks(old, "CERTIFICATE").length > 0)
      files.write(fileOf(`${name}-previous`), old);
    files.write(fileOf(name), formatPair(made));
    log.info("made a certificate", { name, subject: what.subject, validTo: made.certificate.validTo });
    return made;
  }
}

function fileOf(name: string): string {
  return `${name}.pem`;
}
