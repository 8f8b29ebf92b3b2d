/**
 * The way to a TPM: swtpm's socket, or the kernel's resource manager. One command at a time; there is no more
 * in it.
 */
import { type FileHandle, open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { headerLength, TpmFormatError } from "./tpm-wire.ts";

export interface TpmChannel extends AsyncDisposable {
  /** Sends one command and gives its whole answer. After a failure the next call opens the way anew. */
  exchange(command: Uint8Array): Promise<Uint8Array>;
}

/** Making a primary key takes a slow hardware TPM some seconds; beyond this it is stuck. */
const answerMs = 60_000;
/** The largest answer of any TPM (TPM_PT_MAX_RESPONSE_SIZE is 4096 everywhere). */
const answerMax = 8192;

export class TpmSocketChannel implements TpmChannel {
  readonly #path: string;
  #socket: Socket | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async exchange(command: Uint8Array): Promise<Uint8Array> {
    const socket = this.#socket ?? (await connect(this.#path));
    this.#socket = socket;
    try {
      return await askSocket(socket, command);
    } catch (error) {
      this.#socket = undefined;
      socket.destroy();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

function connect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      // Between commands nobody listens; the next command finds out.
      socket.on("error", () => undefined);
      // The engine must be able to end while the way is open.
      socket.unref();
      resolve(socket);
    });
  });
}

function askSocket(socket: Socket, command: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.unref();
      socket.off("data", onData).off("close", onClose);
      act();
    };
    const timer = setTimeout(() => settle(() => reject(new Error("the TPM does not answer"))), answerMs);
    const onClose = (): void => settle(() => reject(new Error("the TPM closed the connection")));
    const onData = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < headerLength) return;
      const size = answer.readUInt32BE(2);
      if (size > answerMax || answer.length > size)
        settle(() => reject(new TpmFormatError("what answers is not a TPM")));
      else if (answer.length === size) settle(() => resolve(new Uint8Array(answer)));
    };
    socket.on("data", onData).on("close", onClose);
    socket.ref();
    if (socket.destroyed) onClose();
    else socket.write(command);
  });
}

export class TpmDeviceChannel implements TpmChannel {
  readonly #path: string;
  #file: FileHandle | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async exchange(command: Uint8Array): Promise<Uint8Array> {
    const file = this.#file ?? (await open(this.#path, "r+"));
    this.#file = file;
    try {
      await file.write(command);
      const answer = new Uint8Array(answerMax);
      const { bytesRead } = await file.read(answer, 0, answerMax, null);
      return answer.slice(0, bytesRead);
    } catch (error) {
      this.#file = undefined;
      await file.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}
