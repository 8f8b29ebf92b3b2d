/** A PostgreSQL of one's own, in a folder that goes with it: to be written to, killed and started again. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { waitFor } from "./wait.ts";

const versions = "/usr/lib/postgresql";
/** PostgreSQL refuses to run as root; whom it runs as then owns nothing else. */
const nobody = 65_534;
/** After a crash it reads its log again first. */
const startSeconds = 30;
const password = "for-tests";

/** Why there can be none here; undefined when there can. */
export function postgresMissing(): string | undefined {
  return folderOfPrograms() === undefined
    ? "PostgreSQL is not installed (Debian package postgresql)"
    : undefined;
}

export class PostgresServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #programs: string;
  readonly #host: string;
  readonly port: number;
  #child: ChildProcess | undefined;

  /** Made and running. `host` is where it listens. */
  static async start(host = "127.0.0.1"): Promise<PostgresServer> {
    const programs = folderOfPrograms();
    if (programs === undefined) throw new Error(postgresMissing());
    const folder = mkdtempSync(join(tmpdir(), "selvedge-postgres-"));
    const secret = join(folder, "password");
    writeFileSync(secret, password);
    for (const path of [folder, secret]) if (isRoot()) chownSync(path, nobody, nobody);
    const options = ["--no-sync", "--auth=scram-sha-256", `--pwfile=${secret}`, "--username=selvedge"];
    const { status, stderr } = spawnSync(
      join(programs, "initdb"),
      [...options, "--encoding=UTF8", "--locale=C", join(folder, "data")],
      { ...identity(), cwd: folder, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    appendFileSync(join(folder, "data", "pg_hba.conf"), "host all all 0.0.0.0/0 scram-sha-256\n");
    const server = new PostgresServer(folder, programs, host, await freePort());
    await server.run();
    return server;
  }

  private constructor(folder: string, programs: string, host: string, port: number) {
    this.#folder = folder;
    this.#programs = programs;
    this.#host = host;
    this.port = port;
  }

  urlOf(database: string, host: string = this.#host, port: number = this.port): string {
    return `postgres://selvedge:${password}@${host}:${port}/${database}`;
  }

  /** A database with nothing in it. */
  async database(name: string): Promise<string> {
    const client = new Client({ connectionString: this.urlOf("postgres") });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    return this.urlOf(name);
  }

  /** Starts it, and again after it was killed. */
  async run(): Promise<void> {
    let said = this.#spawn();
    await waitFor(
      "PostgreSQL to take connections",
      async () => {
        if (this.#child?.exitCode !== null) {
          // Those whom a killed one has left behind take a moment to notice.
          if (!/shared memory block .* is still in use/.test(said.join(""))) {
            throw new Error(`PostgreSQL ended:\n${said.join("")}`);
          }
          said = this.#spawn();
        }
        const client = new Client({
          connectionString: this.urlOf("postgres"),
          connectionTimeoutMillis: 1000,
        });
        try {
          await client.connect();
          return true;
        } catch {
          return undefined;
        } finally {
          await client.end().catch(() => undefined);
        }
      },
      startSeconds,
    );
  }

  /** Its last words, as they come. */
  #spawn(): readonly string[] {
    const data = join(this.#folder, "data");
    const settings = ["-c", `listen_addresses=${this.#host}`, "-p", `${this.port}`, "-k", this.#folder];
    this.#child = spawn(
      join(this.#programs, "postgres"),
      ["-D", data, ...settings, "-c", "max_connections=60"],
      { ...identity(), cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"] },
    );
    const said: string[] = [];
    this.#child.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => said.splice(0, said.length - 50, text));
    return said;
  }

  /** Ends it as a crash would: the postmaster first, which takes everything with it. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      // At once, without waiting for clients; there is nothing to keep.
      child.kill("SIGQUIT");
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function folderOfPrograms(): string | undefined {
  if (!existsSync(versions)) return undefined;
  const newest = readdirSync(versions).sort((one, other) => Number(other) - Number(one))[0];
  const folder = newest === undefined ? undefined : join(versions, newest, "bin");
  return folder !== undefined && existsSync(join(folder, "initdb")) ? folder : undefined;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function identity(): { readonly uid?: number; readonly gid?: number } {
  return isRoot() ? { uid: nobody, gid: nobody } : {};
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
