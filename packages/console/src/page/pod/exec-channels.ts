/** v5.channel.k8s.io: the first byte of each message says which channel it is of. */
export const execProtocol = "v5.channel.k8s.io";
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

export type ExecMessage =
  | { readonly is: "output"; readonly bytes: Uint8Array }
  /** How the program ended, in words. */
  | { readonly is: "ended"; readonly how: string }
  | { readonly is: "nothing" };

export function readMessage(message: Uint8Array): ExecMessage {
  const [from] = message;
  const bytes = message.subarray(1);
  if (from === channel.stdout || from === channel.stderr) return { is: "output", bytes };
  if (from === channel.error) return { is: "ended", how: endingOf(new TextDecoder().decode(bytes)) };
  return { is: "nothing" };
}

export function inputMessage(text: string): Uint8Array<ArrayBuffer> {
  return framed(channel.stdin, text);
}

export function sizeMessage(columns: number, rows: number): Uint8Array<ArrayBuffer> {
  return framed(channel.resize, JSON.stringify({ Width: columns, Height: rows }));
}

function framed(to: number, text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const message = new Uint8Array(bytes.length + 1);
  message[0] = to;
  message.set(bytes, 1);
  return message;
}

function endingOf(text: string): string {
  interface Ending {
    readonly status?: string;
    readonly message?: string;
    readonly details?: {
      readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
    };
  }
  let said: Ending;
  try {
    said = JSON.parse(text) as Ending;
  } catch {
    return text || "It ended.";
  }
  if (said.status === "Success") return "It ended.";
  const code = said.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  return code === undefined ? (said.message ?? "It ended.") : `It ended with exit code ${code}.`;
}
