/** Files of an SSH server, as a port: the real one is ssh2, the simulated one has none. */
import type { Credentials } from "../desired.ts";

export interface SftpFile {
  readonly host: string;
  readonly port: number;
  /** Below the user's own folder, or absolute. */
  readonly path: string;
  /** The password may be a private key in PEM. */
  readonly credentials: Credentials;
}

export interface SftpClient {
  /** The bytes from `offset` on, and how many the whole file has. Fails as HTTP does, with an HttpError. */
  open(
    file: SftpFile,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ readonly offset: number; readonly total: number; readonly body: AsyncIterable<Uint8Array> }>;
}
