/** Runs QEMU's and ext4's tools on disk images, some of which a stranger made. */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { Readable } from "node:stream";
import { DiskFullError } from "../disk.ts";
import { openSecret } from "./secret-file.ts";

/** A hostile image must not take the box along: address space and output are bounded. */
const addressSpaceBytes = 2 ** 30;
/**
 * Of each of a tool's threads, of which there are up to 64: with the usual 8 MiB, and memory set aside for each of
 * them, a busy tool had no room left for the next one.
 */
const stackBytes = 2 ** 21;
const outputMax = 2 ** 20;
/** What the secret is called in a tool's arguments. */
const secretName = "key";

export class ImageToolError extends Error {
  override name = "ImageToolError";
}

/** Somebody has the image, for now: nothing is wrong with it. */
export class ImageBusyError extends Error {
  override name = "ImageBusyError";
}

/** Names a sealed image to a tool that was given its secret. */
export function imageOptions(path: string): string {
  // A comma ends an option's value unless there are two.
  return `driver=qcow2,encrypt.key-secret=${secretName},file.filename=${path.replaceAll(",", ",,")}`;
}

/** `qemu-img` with a secret for its `imageOptions`. */
export async function runWithSecret(
  args: readonly string[],
  secret: string,
  signal?: AbortSignal,
): Promise<string> {
  const [command = "", ...rest] = args;
  const object = `secret,id=${secretName},file=/proc/self/fd/3`;
  const file = openSecret(secret, undefined);
  try {
    return await runTool("qemu-img", [command, "--object", object, ...rest], signal, [file]);
  } finally {
    closeSync(file);
  }
}

/** Resolves with what the tool said; `files` are its descriptors from 3 on. */
export async function runTool(
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
  files: readonly number[] = [],
): Promise<string> {
  const limits = [`--as=${addressSpaceBytes}`, `--stack=${stackBytes}`];
  const child = spawn("prlimit", [...limits, "--", program, ...args], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", MALLOC_ARENA_MAX: "1" },
    stdio: ["ignore", "pipe", "pipe", ...files],
  });
  const onAbort = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [said, complaint, code] = await Promise.all([bounded(child.stdout), bounded(child.stderr), ended]);
    signal?.throwIfAborted();
    if (code === 0) return said;
    if (/No space left|ENOSPC|Disk quota/i.test(complaint))
      throw new DiskFullError(`${program}: the disk is full`);
    if (/Is another process using the image/.test(complaint))
      throw new ImageBusyError(`${program}: another process has the image`);
    throw new ImageToolError(`${program}: ${complaint.trim().split("\n").at(-1) || "failed"}`);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Read to its end, so that the tool does not stand still; the beginning is kept. */
async function bounded(stream: Readable | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text = (text + String(chunk)).slice(0, outputMax);
  return text;
}
