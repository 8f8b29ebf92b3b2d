import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs a program with our own terminal and resolves with its exit code; a signal counts as 128 and its
 * number. When we are to stop it ends, and no further one begins.
 */
export async function runInherited(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly signal?: AbortSignal } = {},
): Promise<number> {
  options.signal?.throwIfAborted();
  const child = spawn(command, args, {
    stdio: "inherit",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stop = (): void => void child.kill("SIGTERM");
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? (signal === "SIGINT" ? 130 : 143);
  } finally {
    options.signal?.removeEventListener("abort", stop);
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
