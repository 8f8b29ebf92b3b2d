/** Opens what a configuration encrypts, and looks that nothing of it is said in clear beside. */
import {
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  type X509Certificate,
} from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { cipher, type config } from "@selvedge/eve-api";
import { sha256 } from "../wire-bytes.ts";
import type { KeyPair } from "./pillar-keys.ts";
import type { Strictness } from "./strictness.ts";

/** Where a block is, and what says the same in clear: a device that cannot decrypt falls back to that. */
interface Place {
  readonly name: string;
  readonly block: cipher.CipherBlock | undefined;
  readonly clear: readonly (string | undefined)[];
}

function placesOf(read: config.EdgeDevConfig): Place[] {
  return [
    ...read.datastores.map(({ id, cipherData, apiKey, password }) => ({
      ...{ name: `datastore ${id}`, block: cipherData, clear: [apiKey, password] },
    })),
    ...read.apps.map(({ displayname, cipherData, userData }) => ({
      ...{ name: `app ${displayname}`, block: cipherData, clear: [userData] },
    })),
    ...read.networks.flatMap(({ id, wireless }) => [
      ...(wireless?.wifiCfg ?? []).map(({ cipherData, identity, password, crypto }) => ({
        ...{ name: `network ${id}`, block: cipherData },
        clear: [identity, password, crypto?.identity, crypto?.password],
      })),
    ]),
    { name: "cluster", block: read.cluster?.encryptedClusterToken, clear: [] },
  ];
}

/** Opens every block of a configuration. Returns what could be read, by place. */
export function openSecrets(
  read: config.EdgeDevConfig,
  own: KeyPair,
  ownHash: Uint8Array,
  controllers: ReadonlyMap<string, X509Certificate>,
  strict: Strictness,
): ReadonlyMap<string, cipher.EncryptionBlock> {
  const opened = new Map<string, cipher.EncryptionBlock>();
  for (const { name, block, clear } of placesOf(read)) {
    if (block === undefined) continue;
    const spoken = clear.filter((text) => text !== undefined && text !== "");
    strict.require(spoken.length === 0, `${name}: a secret is sent in clear besides`);
    const context = read.cipherContexts.find(({ contextId }) => contextId === block.cipherContextId);
    if (!strict.require(context !== undefined, `${name}: cipher context ${block.cipherContextId} is missing`))
      continue;
    const theirs = controllers.get(context?.controllerCertHash.toHex() ?? "");
    const isOurs = context?.deviceCertHash.toHex() === ownHash.toHex();
    if (!strict.require(isOurs, `${name}: encrypted to another certificate than the device's`)) continue;
    if (!strict.require(theirs !== undefined, `${name}: encrypted with a certificate nobody published`))
      continue;
    const plain = open(block, own.key, theirs as X509Certificate);
    if (!strict.require(plain !== undefined, `${name}: cannot be decrypted`)) continue;
    opened.set(name, fromBinary(cipher.EncryptionBlockSchema, plain as Uint8Array));
  }
  return opened;
}

function open(block: cipher.CipherBlock, own: KeyObject, theirs: X509Certificate): Uint8Array | undefined {
  for (const key of keys(own, theirs)) {
    const decipher = createDecipheriv("aes-256-cfb", key, block.initialValue);
    const plain = new Uint8Array(decipher.update(block.cipherData));
    if (sha256(plain).toHex() === block.clearTextSha256.toHex()) return plain;
  }
  return undefined;
}

const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** Both keys that the first coordinate of the shared point leaves open: the hash of the text tells which. */
function keys(own: KeyObject, theirs: X509Certificate): Uint8Array[] {
  const publicKey = createPublicKey(theirs.publicKey.export({ format: "pem", type: "spki" }));
  const x = BigInt(`0x${diffieHellman({ privateKey: own, publicKey }).toString("hex")}`);
  const y = power((x ** 3n - 3n * x + b) % prime, (prime + 1n) / 4n);
  return [y, prime - y].map((one) => sha256(Buffer.concat([coordinate(x), coordinate(one)])));
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, ((base % prime) + prime) % prime];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % prime;
    square = (square * square) % prime;
  }
  return result;
}

function coordinate(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}
