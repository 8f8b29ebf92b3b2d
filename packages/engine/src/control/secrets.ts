/**
 * Opens what a configuration encrypts to this node. The plaintext lives as long as the part that asked for it
 * keeps it.
 */
import { createCipheriv, createDecipheriv, createHash, verify } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import type { Clock, Instant } from "@selvedge/base";
import {
  type CipherPort,
  cipher,
  deriveSharedKey,
  ext,
  openCipherBlock,
  patchEnvelope,
  shortHash,
} from "@selvedge/eve-api";
import type { Credentials, PatchArtifact } from "../desired.ts";
import type { Identity } from "../identity/identity.ts";
import type { Point } from "../identity/key-store.ts";
import type { PortSecret } from "../port/port-spec.ts";
import type { ArtifactOpener, SecretOpener } from "../ports.ts";
import type { ControllerCerts } from "./controller-certs.ts";
import { inlineArtifact, volumeArtifact } from "./translate-patches.ts";

const algorithm = "aes-256-cfb";

/** AES-256-CFB with 128-bit feedback, which is what Node means by the name. */
export const aesCfb: CipherPort = {
  encrypt(key, iv, plaintext) {
    const aes = createCipheriv(algorithm, key, iv);
    return new Uint8Array(Buffer.concat([aes.update(plaintext), aes.final()]));
  },
  decrypt(key, iv, ciphertext) {
    const aes = createDecipheriv(algorithm, key, iv);
    return new Uint8Array(Buffer.concat([aes.update(ciphertext), aes.final()]));
  },
};

/** The secret is not for us, or the keys to it are not here yet. */
class SecretError extends Error {
  override name = "SecretError";
}

/** The contexts of one configuration and the certificates of the controller that made it. */
export interface SecretContexts {
  readonly contexts: readonly cipher.CipherContext[];
  readonly lists: readonly ControllerCerts[];
}

/** How often something was opened, for the metrics. */
export interface SecretCounts {
  opened: number;
  failed: number;
  lastOpened: Instant | undefined;
  lastFailed: Instant | undefined;
}

export class Secrets implements SecretOpener, ArtifactOpener {
  readonly counts: SecretCounts = { opened: 0, failed: 0, lastOpened: undefined, lastFailed: undefined };
  readonly #identity: Identity;
  readonly #clock: Clock;
  readonly #exchangeHash: string;
  #known: SecretContexts = { contexts: [], lists: [] };

  constructor(identity: Identity, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
    this.#exchangeHash = new Uint8Array(createHash("sha256").update(identity.exchange.pem).digest()).toHex();
  }

  use(known: SecretContexts): void {
    this.#known = known;
  }

  /** r‖s over the bytes, by a signing key of the controller's that we hold. */
  isFromController(data: Uint8Array, signature: Uint8Array): boolean {
    return this.#known.lists.some(({ signing }) =>
      verify("sha256", data, { key: signing.key, dsaEncoding: "ieee-p1363" }, signature),
    );
  }

  async openAppSecrets(block: Uint8Array): Promise<ext.AppSecrets> {
    const plaintext = await this.open(fromBinary(cipher.CipherBlockSchema, block));
    return fromBinary(ext.AppSecretsSchema, plaintext);
  }

  async openUserData(block: Uint8Array): Promise<string> {
    const plaintext = await this.open(fromBinary(cipher.CipherBlockSchema, block));
    return fromBinary(cipher.EncryptionBlockSchema, plaintext).protectedUserData;
  }

  async openArtifact(artifact: PatchArtifact): Promise<PatchArtifact> {
    const { sealedMeta, ...bare } = artifact;
    const open = bare.kind === "sealed" ? await this.#openData(bare) : bare;
    return sealedMeta === undefined ? open : { ...open, artifactMeta: await this.#openMeta(sealedMeta) };
  }

  async #openMeta(text: string): Promise<string> {
    const block = fromBinary(cipher.CipherBlockSchema, Uint8Array.fromBase64(text));
    const { user, encryptedData } = fromBinary(cipher.EncryptionBlockSchema, await this.open(block));
    if (user === cipher.EncryptionBlockUser.BINARY_ARTIFACT_METADATA) return encryptedData;
    throw new SecretError(
      `metadata_cipher_data: holds a secret of user ${user}, not an artifact's metadata (1)`,
    );
  }

  /** What is sealed is the artifact's own message, not an EncryptionBlock like everywhere else. */
  async #openData(sealed: Extract<PatchArtifact, { kind: "sealed" }>): Promise<PatchArtifact> {
    const block = fromBinary(cipher.CipherBlockSchema, Uint8Array.fromBase64(sealed.block));
    const bytes = await this.open(block);
    const { InlineOpaqueBase64DataSchema: inline, ExternalOpaqueBinaryBlobSchema: volume } = patchEnvelope;
    const found =
      sealed.of === "inline"
        ? inlineArtifact(fromBinary(inline, bytes), sealed.artifactMeta, "encrypted")
        : volumeArtifact(fromBinary(volume, bytes), sealed.artifactMeta, "encrypted");
    if (typeof found === "string") throw new SecretError(found);
    return found;
  }

  /** For a wireless network; with the context that came with it, as a port may outlive its configuration. */
  async openPortSecret(
    secret: PortSecret,
  ): Promise<Credentials & { readonly attachUser?: string; readonly attachPassword?: string }> {
    if (secret.kind === "clear") return secret;
    const [block, context] = [secret.block, secret.context].map((text) => Uint8Array.fromBase64(text));
    const plaintext = await this.#counted(
      this.openWith(
        fromBinary(cipher.CipherContextSchema, context ?? new Uint8Array()),
        fromBinary(cipher.CipherBlockSchema, block ?? new Uint8Array()),
      ),
    );
    const opened = fromBinary(cipher.EncryptionBlockSchema, plaintext);
    const { wifiUserName, wifiPassword, cellularNetUsername, cellularNetPassword } = opened;
    // A block is for one network or one authority, so only one of them is there.
    const password = wifiPassword || cellularNetPassword || opened.scepChallengePassword;
    const { cellularNetAttachUsername: attachUser, cellularNetAttachPassword: attachPassword } = opened;
    return {
      ...{ user: wifiUserName || cellularNetUsername, password },
      ...(attachUser === "" && attachPassword === "" ? {} : { attachUser, attachPassword }),
    };
  }

  async openCredentials(block: cipher.CipherBlock): Promise<Credentials> {
    const { dsAPIKey, dsPassword } = fromBinary(cipher.EncryptionBlockSchema, await this.open(block));
    return { user: dsAPIKey, password: dsPassword };
  }

  async open(block: cipher.CipherBlock): Promise<Uint8Array> {
    return await this.#counted(this.#open(block));
  }

  async #counted(opening: Promise<Uint8Array>): Promise<Uint8Array> {
    try {
      const opened = await opening;
      this.counts.opened++;
      this.counts.lastOpened = this.#clock.now();
      return opened;
    } catch (error) {
      this.counts.failed++;
      this.counts.lastFailed = this.#clock.now();
      throw error;
    }
  }

  async #open(block: cipher.CipherBlock): Promise<Uint8Array> {
    const context = this.#known.contexts.find(({ contextId }) => contextId === block.cipherContextId);
    if (context === undefined)
      throw new SecretError(`the configuration has no cipher context ${block.cipherContextId}`);
    return await this.openWith(context, block);
  }

  /** With a context that came beside the block. */
  async openWith(context: cipher.CipherContext, block: cipher.CipherBlock): Promise<Uint8Array> {
    const { x, y } = await this.#identity.keys.sharedPoint(this.#peer(context));
    return await openCipherBlock(aesCfb, await deriveSharedKey(x, y), block);
  }

  #peer(context: cipher.CipherContext): Point {
    const { contextId, keyExchangeScheme, encryptionScheme } = context;
    if (keyExchangeScheme !== cipher.KeyExchangeScheme.KEA_ECDH)
      throw new SecretError(`context ${contextId}: key exchange ${keyExchangeScheme} is not known`);
    if (encryptionScheme !== cipher.EncryptionScheme.SA_AES_256_CFB)
      throw new SecretError(`context ${contextId}: encryption ${encryptionScheme} is not known`);
    // Controllers cut the hash as they like; 16 bytes are what certificates are uploaded under.
    const mine = context.deviceCertHash.toHex();
    const kept = shortHash(Uint8Array.fromHex(this.#exchangeHash), 1).toHex();
    if (mine !== kept && mine !== this.#exchangeHash)
      throw new SecretError(`context ${contextId} is for certificate ${mine}, this node has ${kept}`);
    const wanted = context.controllerCertHash.toHex();
    for (const { exchange } of this.#known.lists) {
      const point = exchange.get(wanted);
      if (point !== undefined) return point;
    }
    throw new SecretError(`context ${contextId}: the controller has shown no certificate ${wanted}`);
  }
}
