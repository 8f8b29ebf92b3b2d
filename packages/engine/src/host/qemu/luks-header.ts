/**
 * The header of a LUKS disk (LUKS on-disk format, version 1.2.3): a random key encrypts the disk, and lies in
 * the header encrypted with a key made from a secret. QEMU and cryptsetup open it.
 *
 * It is written here because `qemu-img` measures the processor for two seconds before it writes one, and gives
 * up where the measure is too coarse. The secrets are keys of 256 random bits: stretching guards weak words.
 */
import { createCipheriv, hash, pbkdf2Sync, randomBytes, randomUUID } from "node:crypto";

const sector = 512;
/** AES-256 in XTS takes two keys. */
const keyBytes = 64;
const stripes = 4000;
const digestBytes = 20;
const saltBytes = 32;
/** The least that readers of the format take. */
const iterations = 1000;
const slots = 8;
const slotMark = { active: 0x00ac71f3, free: 0x0000dead } as const;
const firstSlotSector = 8;
/** What the key takes when it is spread over its stripes, in sectors, aligned as QEMU does. */
const slotSectors = Math.ceil((keyBytes * stripes) / sector / 8) * 8;

/** How long it is, most of it room for secrets that are not there: what it encrypts begins behind it. */
export const luksHeaderBytes: number = (firstSlotSector + slots * slotSectors) * sector;

/** The beginning of a new header, with a key of its own which the secret opens; zeros follow it. */
export function makeLuksHeader(secret: string): Uint8Array {
  const header = Buffer.alloc((firstSlotSector + slotSectors) * sector);
  const key = randomBytes(keyBytes);
  const [digestSalt, slotSalt] = [randomBytes(saltBytes), randomBytes(saltBytes)];
  header.write("LUKS", 0, "latin1");
  header.set([0xba, 0xbe], 4);
  header.writeUInt16BE(1, 6);
  header.write("aes", 8, "latin1");
  header.write("xts-plain64", 40, "latin1");
  header.write("sha256", 72, "latin1");
  header.writeUInt32BE(luksHeaderBytes / sector, 104);
  header.writeUInt32BE(keyBytes, 108);
  header.set(pbkdf2Sync(key, digestSalt, iterations, digestBytes, "sha256"), 112);
  header.set(digestSalt, 132);
  header.writeUInt32BE(iterations, 164);
  header.write(randomUUID(), 168, "latin1");
  for (let slot = 0; slot < slots; slot++) {
    const at = 208 + slot * 48;
    header.writeUInt32BE(slot === 0 ? slotMark.active : slotMark.free, at);
    header.writeUInt32BE(slot === 0 ? iterations : 0, at + 4);
    if (slot === 0) header.set(slotSalt, at + 8);
    header.writeUInt32BE(firstSlotSector + slot * slotSectors, at + 40);
    header.writeUInt32BE(stripes, at + 44);
  }
  const slotKey = pbkdf2Sync(secret, slotSalt, iterations, keyBytes, "sha256");
  header.set(encrypt(spread(key), slotKey), firstSlotSector * sector);
  key.fill(0);
  return header;
}

/** The key over 4000 stripes, of which each is needed: to wipe one is to wipe the key. */
function spread(key: Uint8Array): Uint8Array {
  const all = randomBytes(keyBytes * stripes);
  let mixed: Uint8Array = new Uint8Array(keyBytes);
  for (let at = 0; at < stripes - 1; at++) {
    const stripe = all.subarray(at * keyBytes, (at + 1) * keyBytes);
    mixed = diffuse(mixed.map((byte, index) => byte ^ (stripe[index] ?? 0)));
  }
  all.set(
    key.map((byte, index) => byte ^ (mixed[index] ?? 0)),
    (stripes - 1) * keyBytes,
  );
  return all;
}

const hashBytes = 32;

function diffuse(block: Uint8Array): Uint8Array {
  const numbered = new Uint8Array(4 + hashBytes);
  const mixed = new Uint8Array(block.length);
  for (let part = 0; part * hashBytes < block.length; part++) {
    numbered[3] = part;
    numbered.set(block.subarray(part * hashBytes, (part + 1) * hashBytes), 4);
    mixed.set(hash("sha256", numbered, "buffer"), part * hashBytes);
  }
  return mixed;
}

/** Each sector under its own number, as the disk's are. */
function encrypt(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const iv = new DataView(new ArrayBuffer(16));
  const encrypted = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += sector) {
    iv.setUint32(0, at / sector, true);
    const cipher = createCipheriv("aes-256-xts", key, new Uint8Array(iv.buffer));
    encrypted.set(cipher.update(bytes.subarray(at, at + sector)), at);
  }
  return encrypted;
}
