import type { Duplex, Readable } from "node:stream";

/**
 * Who answers exec, attach, port-forward and logs. The API server speaks to clients; this speaks to where
 * the Pod is. Expected failures are thrown as StatusError with the Status the client should see.
 */
export interface PodStreams {
  exec(pod: PodRef, options: ExecOptions, signal: AbortSignal): Promise<ProcessSession>;
  attach(pod: PodRef, options: AttachOptions, signal: AbortSignal): Promise<ProcessSession>;
  portForward(pod: PodRef, port: number, signal: AbortSignal): Promise<Duplex>;
  logs(pod: PodRef, options: LogOptions, signal: AbortSignal): Promise<Readable>;
}

export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
}

export interface AttachOptions {
  readonly container: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Of the terminal, when it is known before the start. */
  readonly size?: { readonly width: number; readonly height: number };
}

export interface ExecOptions extends AttachOptions {
  readonly command: readonly string[];
}

export interface LogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
}

/** A process somewhere else. Back-pressure is the streams' own. */
export interface ProcessSession {
  /** Ending it half-closes: the process sees end of file. */
  readonly stdin: NodeJS.WritableStream | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  resize(width: number, height: number): void;
  /** Resolves with the exit code; rejects when the session broke before the process ended. */
  readonly exit: Promise<number>;
  /** Ends the session; the process is told to hang up. */
  close(): void;
}
