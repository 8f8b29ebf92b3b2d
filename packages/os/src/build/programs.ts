/** Other people's programs, run to their end. */
import { type ChildProcess, spawn } from "node:child_process";

/** A program did not do what it was asked to; the message has what it said last. */
export class ProgramError extends Error {
  override name = "ProgramError";
}

export interface Call {
  readonly signal: AbortSignal;
  readonly input?: string;
  /** Gets each line it says, on either channel. */
  readonly onLine?: (line: string) => void;
}

/** Of what a program says, for the error if there is one. */
const saidLinesMax = 20;
const outputMax = 16 * 2 ** 20;

/** Resolves with its output. Stopped, it may put away what it made before this rejects. */
export async function run(program: string, args: readonly string[], call: Call): Promise<string> {
  const { signal, input, onLine } = call;
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  const said: string[] = [];
  const hear = (line: string): void => {
    said.push(line);
    if (said.length > saidLinesMax) said.shift();
    onLine?.(line);
  };
  eachLine(child.stdout, hear, (text) => {
    if (output.length < outputMax) output += text;
  });
  eachLine(child.stderr, hear);
  // A program that has read enough closes its input; its exit code tells whether that was well.
  child.stdin.on("error", () => undefined).end(input ?? "");
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const code = await closed(child, program);
    signal.throwIfAborted();
    if (code === 0) return output;
    const why = said.join("\n");
    throw new ProgramError(`${program} ended with ${code}${why === "" ? "" : `:\n${why}`}`);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Rejects when there is no such program. */
export function closed(child: ChildProcess, program: string): Promise<number | NodeJS.Signals> {
  return new Promise((resolve, reject) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? 1));
    child.once("error", (cause) => {
      const missing = "code" in cause && cause.code === "ENOENT";
      reject(
        new ProgramError(missing ? `${program} is not installed` : `${program} cannot be run`, { cause }),
      );
    });
  });
}

function eachLine(
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
  onText?: (text: string) => void,
): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    onText?.(text);
    const lines = (rest + text).split(/[\r\n]+/);
    rest = (lines.pop() ?? "").slice(0, outputMax);
    for (const line of lines) if (line !== "") onLine(line);
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}
