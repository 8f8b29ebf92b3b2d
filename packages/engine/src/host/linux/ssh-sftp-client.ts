/** SftpClient over ssh2: one connection a file, closed with it. */
import type { Client, SFTPWrapper } from "ssh2";
import { HttpError } from "../http.ts";
import type { SftpClient, SftpFile } from "../sftp.ts";

/** A server that says nothing for so long is gone. */
const answerMs = 60_000;
const keepAliveMs = 15_000;
/** Requests under way at once; more gain nothing on a line that is full. */
const chunkBytes = 64 * 1024;

export class SshSftpClient implements SftpClient {
  async open(
    file: SftpFile,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ offset: number; total: number; body: AsyncIterable<Uint8Array> }> {
    signal.throwIfAborted();
    // Loaded when a configuration names such a server: most nodes never need it.
    const { Client } = (await import("ssh2")).default;
    const client = new Client();
    try {
      const sftp = await connect(client, file, signal);
      const total = await sizeOf(sftp, file);
      const start = offset > total ? 0 : offset;
      return { offset: start, total, body: read(client, sftp, file, start, signal) };
    } catch (error) {
      client.destroy();
      signal.throwIfAborted();
      throw error instanceof HttpError ? error : failure(file, error);
    }
  }
}

/**
 * What arrives is checked by its hash, so the server need not prove who it is; a password is shown to it all
 * the same, as EVE does.
 */
function connect(
  client: Client,
  { host, port, credentials }: SftpFile,
  signal: AbortSignal,
): Promise<SFTPWrapper> {
  const { user, password } = credentials;
  const isKey = /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(password.trimStart());
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    client.on("error", reject);
    client.on("close", () => reject(new Error("the server closed the connection")));
    client.on("ready", () => client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp))));
    // Servers that ask questions instead of taking a password get it as the answer.
    client.on("keyboard-interactive", (_name, _text, _language, prompts, answer) =>
      answer(prompts.map(() => password)),
    );
    client.connect({
      ...{
        host,
        port,
        username: user,
        readyTimeout: answerMs,
        keepaliveInterval: keepAliveMs,
        tryKeyboard: !isKey,
      },
      ...(isKey ? { privateKey: password } : { password }),
    });
  });
}

function sizeOf(sftp: SFTPWrapper, { path }: SftpFile): Promise<number> {
  return new Promise((resolve, reject) => {
    sftp.stat(path, (error, stats) => (error ? reject(error) : resolve(stats.size)));
  });
}

async function* read(
  client: Client,
  sftp: SFTPWrapper,
  file: SftpFile,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stream = sftp.createReadStream(file.path, { start, highWaterMark: chunkBytes });
  const abort = (): void => void stream.destroy(new Error("no longer wanted"));
  const broke = (): void => void stream.destroy(new Error("the connection broke"));
  signal.addEventListener("abort", abort, { once: true });
  client.on("close", broke);
  // What was asked and not answered when the connection closes ends in an error that nobody waits for.
  stream.on("error", () => {});
  sftp.on("error", () => {});
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw failure(file, error);
  } finally {
    signal.removeEventListener("abort", abort);
    client.end();
  }
}

function failure({ host, port, path }: SftpFile, cause: unknown): HttpError {
  return new HttpError(
    `sftp://${host}:${port}/${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
  );
}
