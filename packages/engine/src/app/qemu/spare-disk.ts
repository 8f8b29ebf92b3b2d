/**
 * The disk through which images come into a machine that runs: a microVM takes no disks later, so each has an empty
 * one from the start. Each image has a part of its own, which the guest reads for the first time once it is there.
 */
import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { sparePartBytes, spareParts } from "../added-image.ts";
import { GuestError } from "../hypervisor.ts";

const pieceBytes = 4 * 2 ** 20;

/** Of a machine that is about to start: what an earlier one was given is not its. */
export async function makeSpare(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await using file = await open(path, "wx", 0o600);
  await file.truncate(spareParts * sparePartBytes);
}

export async function copyToSpare(path: string, part: number, image: string): Promise<void> {
  await using from = await open(image, "r");
  const { size } = await from.stat();
  if (size > sparePartBytes)
    throw new GuestError(`its image has ${size} bytes; a machine that runs takes ${sparePartBytes} at most`);
  await using to = await open(path, "r+").catch((cause: unknown) => {
    const message = "its machine was started by an engine that added no containers: start the app anew";
    throw new GuestError(message, { cause });
  });
  const buffer = Buffer.alloc(Math.min(pieceBytes, size));
  for (let at = 0; at < size; ) {
    const { bytesRead } = await from.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new GuestError("its image became shorter while it was copied");
    await to.write(buffer, 0, bytesRead, part * sparePartBytes + at);
    at += bytesRead;
  }
}
