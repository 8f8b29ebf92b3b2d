import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";

export interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** In a session of its own, with all that it starts behind everything else that wants the processors. */
  readonly aside?: boolean;
}

/**
 * Runs a program with our own terminal and resolves with its exit code; a signal counts as 128 and its
 * number. When we are to stop it ends, and no further one begins.
 */
export async function runInherited(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  options.signal?.throwIfAborted();
  const child = spawn(command, args, {
    stdio: "inherit",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: options.aside === true,
  });
  if (options.aside === true && child.pid !== undefined) standBack(child.pid);
  const stop = (): void => void child.kill("SIGTERM");
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? (signal === "SIGINT" ? 130 : 143);
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

/** Linux may share the processors between sessions first, and only then between the processes of one. */
function standBack(pid: number): void {
  const last = constants.priority.PRIORITY_LOW;
  setPriority(pid, last);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${last}`);
  } catch {
    // A kernel without it goes by the priority alone, and one that is asked too often says no: it is a courtesy.
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The most output of one helper program that is kept. */
const outputMax = 8 * 1024 * 1024;

/** Runs a program to its end and keeps what it says. */
export async function run(command: string, args: readonly string[], input?: string): Promise<Ran> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout.length < outputMax) stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (stderr.length < outputMax) stderr += text;
  });
  child.stdin.on("error", () => child.stdin.destroy());
  child.stdin.end(input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, stdout, stderr };
}

/** Runs a program that must succeed; the error says which one and what it printed. */
export async function must(command: string, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, input);
  if (code !== 0)
    throw new Error(`${command} ${args.join(" ")} failed (${code}): ${stderr.trim() || stdout.trim()}`);
  return stdout;
}
