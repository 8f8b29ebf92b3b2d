/**
 * Disks that only a secret opens: QCOW2 images whose clusters are encrypted with LUKS. QEMU encrypts and
 * decrypts itself, so nothing is asked of the box's kernel or file system, and what is not written takes no
 * room and is read as zeros, as of a raw sparse file.
 *
 *   cluster 0        QCOW2 header
 *   1 … 32           LUKS header
 *   33, 34           table of reference counts, and its first block
 *   35 …             first table of clusters, all of them absent
 */
import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { imageOptions, runWithSecret } from "./image-tools.ts";
import { luksHeaderBytes, makeLuksHeader } from "./luks-header.ts";

const clusterBits = 16;
const cluster = 2 ** clusterBits;
/** A second-level table fills a cluster, with 8 bytes for each cluster of the disk. */
const bytesPerTable = (cluster / 8) * cluster;
const luksClusters = Math.ceil(luksHeaderBytes / cluster);
const countsAt = 1 + luksClusters;
const tablesAt = countsAt + 2;
const luksMethod = 2;
const luksExtension = 0x0537be77;
const headerBytes = 104;

/** Makes an empty one at a path where there is nothing. */
export async function createSealed(path: string, bytes: number, secret: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const tables = Math.ceil(bytes / bytesPerTable);
  const clusters = tablesAt + Math.max(1, Math.ceil((tables * 8) / cluster));
  await using file = await open(path, "wx", 0o600);
  await file.truncate(clusters * cluster);
  await file.write(qcow2Header(bytes, tables), 0, undefined, 0);
  await file.write(makeLuksHeader(secret), 0, undefined, cluster);
  const table = Buffer.alloc(8);
  table.writeBigUInt64BE(BigInt((countsAt + 1) * cluster));
  await file.write(table, 0, undefined, countsAt * cluster);
  const counts = Buffer.alloc(clusters * 2);
  for (let at = 0; at < clusters; at++) counts.writeUInt16BE(1, at * 2);
  await file.write(counts, 0, undefined, (countsAt + 1) * cluster);
}

/** The same with what `make` puts into a plain image of that size, such as an empty file system: no secret yet. */
export async function createSealedFrom(
  path: string,
  bytes: number,
  secret: string,
  make: (plain: string) => Promise<void>,
): Promise<void> {
  const plain = `${path}.plain`;
  await rm(plain, { force: true });
  try {
    await make(plain);
    await createSealed(path, bytes, secret);
    await fillSealed(plain, "raw", path, secret);
  } finally {
    await rm(plain, { force: true });
  }
}

/** Copies what an image holds into a sealed one that is empty and large enough. */
export async function fillSealed(
  source: string,
  format: string,
  target: string,
  secret: string,
  signal?: AbortSignal,
): Promise<void> {
  const options = ["convert", "-n", "--target-is-zero", "-f", format, "--target-image-opts", source];
  await runWithSecret([...options, imageOptions(target)], secret, signal);
}

function qcow2Header(bytes: number, tables: number): Uint8Array {
  const header = Buffer.alloc(headerBytes + 8 + 16 + 8);
  header.write("QFI\xfb", 0, "latin1");
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(clusterBits, 20);
  header.writeBigUInt64BE(BigInt(bytes), 24);
  header.writeUInt32BE(luksMethod, 32);
  header.writeUInt32BE(tables, 36);
  header.writeBigUInt64BE(BigInt(tablesAt * cluster), 40);
  header.writeBigUInt64BE(BigInt(countsAt * cluster), 48);
  header.writeUInt32BE(1, 56);
  // Counts of 16 bits.
  header.writeUInt32BE(4, 96);
  header.writeUInt32BE(headerBytes, 100);
  header.writeUInt32BE(luksExtension, headerBytes);
  header.writeUInt32BE(16, headerBytes + 4);
  header.writeBigUInt64BE(BigInt(cluster), headerBytes + 8);
  header.writeBigUInt64BE(BigInt(luksHeaderBytes), headerBytes + 16);
  return header;
}
