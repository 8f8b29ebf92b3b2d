/**
 * Who this node is: the device key and its certificate, the certificate that secrets are encrypted to, and,
 * with a TPM, the one that quotes are checked with. The hash of the device certificate is the node's name to
 * a controller, so the certificate is made once and kept beside the key as well as on the disk.
 */
import { X509Certificate } from "node:crypto";
import { type Clock, describeError, type Log, type Random } from "@selvedge/base";
import type { Disk } from "../host/disk.ts";
import { type KeyUsage, makeCertificate, type Name, toPem, validity } from "./certificate.ts";
import type { KeyStore } from "./key-store.ts";

export interface NodeCertificate {
  readonly der: Uint8Array;
  /** The PEM text as it is sent, because the API names certificates by a hash over exactly these bytes. */
  readonly pem: Uint8Array;
}

export interface IdentityParts {
  readonly keys: KeyStore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What people call the box, for the certificate's subject: its serial number. */
  readonly label: string;
}

const organization = "Selvedge";
/** RFC 5280's bound of a common name. */
const labelMax = 64;
/** A positive number of 20 bytes at most. */
const serialBytes = 16;

const paths = {
  device: "identity/device.cert.pem",
  exchange: "identity/ecdh.cert.pem",
  attestation: "identity/attest.cert.pem",
} as const;

export class Identity {
  readonly keys: KeyStore;
  readonly device: NodeCertificate;
  readonly exchange: NodeCertificate;
  readonly attestation: NodeCertificate | undefined;
  /**
   * There was an identity on this disk, and its key is gone: what the disk holds was meant for another node.
   */
  readonly replaced: boolean;

  private constructor(
    keys: KeyStore,
    certificates: Pick<Identity, "device" | "exchange" | "attestation" | "replaced">,
  ) {
    this.keys = keys;
    this.device = certificates.device;
    this.exchange = certificates.exchange;
    this.attestation = certificates.attestation;
    this.replaced = certificates.replaced;
  }

  static async open(parts: IdentityParts): Promise<Identity> {
    const { keys, disk } = parts;
    const stored = await disk.read(paths.device);
    const known = stored !== undefined && certifies(stored, keys.publicKeys.device) ? stored : undefined;
    const device = known ?? (await deviceCertificate(parts));
    if (known === undefined) await disk.writeDurable(paths.device, device);
    const subject = nameOf(parts.label);
    const issued = async (
      path: string,
      what: string,
      key: Uint8Array,
      usage: KeyUsage,
    ): Promise<Uint8Array> => {
      const before = await disk.read(path);
      if (before !== undefined && known !== undefined && certifies(before, key)) return before;
      const name = { organization, commonName: what };
      const pem = await issue(parts, {
        subject: name,
        issuer: subject,
        key,
        usages: [usage],
        authority: false,
      });
      await disk.writeDurable(path, pem);
      return pem;
    };
    const { exchange, attestation } = keys.publicKeys;
    return new Identity(keys, {
      device: certificate(device),
      exchange: certificate(
        await issued(paths.exchange, "Device ECDH certificate", exchange, "keyAgreement"),
      ),
      attestation:
        attestation &&
        certificate(
          await issued(paths.attestation, "Device attestation certificate", attestation, "digitalSignature"),
        ),
      replaced: stored !== undefined && known === undefined,
    });
  }

  /** r‖s of the device key over SHA-256 of the bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array> {
    return this.keys.sign(bytes);
  }
}

/** The one beside the key, else a new one that is put there. */
async function deviceCertificate(parts: IdentityParts): Promise<Uint8Array> {
  const { keys, log } = parts;
  try {
    const kept = await keys.readCertificate();
    const pem = kept && parsed(kept);
    if (pem !== undefined && certifies(pem, keys.publicKeys.device)) return pem;
  } catch (error) {
    log.warn("the certificate beside the key cannot be read", { error: describeError(error) });
  }
  const subject = nameOf(parts.label);
  const usages: KeyUsage[] = ["digitalSignature", "keyAgreement", "certificateSign"];
  const key = keys.publicKeys.device;
  const pem = await issue(parts, { subject, issuer: subject, key, usages, authority: true });
  try {
    await keys.writeCertificate(new Uint8Array(new X509Certificate(pem).raw));
  } catch (error) {
    // It lies on the disk all the same; only a box that loses its disk would be a new node then.
    log.warn("the certificate cannot be kept beside the key", { error: describeError(error) });
  }
  return pem;
}

async function issue(
  { keys, clock, random }: IdentityParts,
  request: { subject: Name; issuer: Name; key: Uint8Array; usages: readonly KeyUsage[]; authority: boolean },
): Promise<Uint8Array> {
  const { subject, issuer, key, usages, authority } = request;
  const serial = random.bytes(serialBytes);
  const der = await makeCertificate({
    ...{ subject, issuer, serial, usages, authority },
    ...validity(clock.now()),
    publicKey: key,
    sign: (bytes) => keys.sign(bytes),
  });
  return new TextEncoder().encode(toPem(der));
}

/**
 * DER with whatever follows it → PEM; undefined when it is no certificate (a power cut while it was written).
 */
function parsed(kept: Uint8Array): Uint8Array | undefined {
  const length = ((kept[2] ?? 0) << 8) | (kept[3] ?? 0);
  if (kept[0] !== 0x30 || kept[1] !== 0x82 || 4 + length > kept.length) return undefined;
  return new TextEncoder().encode(toPem(kept.subarray(0, 4 + length)));
}

function certifies(pem: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    return new X509Certificate(pem).publicKey.export({ format: "der", type: "spki" }).equals(publicKey);
  } catch {
    // Not a certificate: then it vouches for nothing, and a new one is made.
    return false;
  }
}

function certificate(pem: Uint8Array): NodeCertificate {
  return { der: new Uint8Array(new X509Certificate(pem).raw), pem };
}

function nameOf(label: string): Name {
  return { organization, commonName: label.slice(0, labelMax) || "node" };
}
