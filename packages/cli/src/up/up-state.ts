import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { UpPlan } from "./up-plan.ts";

/** What runs now, on disk so that another command can find, use and end it. */
export interface UpState {
  readonly plan: UpPlan;
  readonly supervisor: ProcessRef;
  readonly forwardingWasOff: boolean;
  /** Set once the controller answers. */
  readonly ready: boolean;
}

/** A process that cannot be mistaken for another that got its number later. */
export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks since boot, from /proc/PID/stat. */
  readonly startTime: string;
}

function fileOf(dir: string): string {
  return join(dir, "up.json");
}

export async function readUpState(dir: string): Promise<UpState | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(dir), "utf8")) as UpState;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Error(`cannot read ${fileOf(dir)}`, { cause: error });
  }
}

export async function writeUpState(state: UpState): Promise<void> {
  await mkdir(state.plan.dir, { recursive: true, mode: 0o700 });
  const file = fileOf(state.plan.dir);
  await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function removeUpState(dir: string): Promise<void> {
  await rm(fileOf(dir), { force: true });
}

export async function refOf(pid: number): Promise<ProcessRef | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces: count from its end. Field 22 of the line is the start time.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : { pid, startTime: fields[19] ?? "" };
  } catch (error) {
    if (isMissing(error) || isGone(error)) return undefined;
    throw error;
  }
}

export async function isAlive(ref: ProcessRef): Promise<boolean> {
  return (await refOf(ref.pid))?.startTime === ref.startTime;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}
