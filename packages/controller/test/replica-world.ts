/** Several controllers on one PostgreSQL, each a process with a folder of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { kubectl } from "../../../tests/kubectl.ts";
import { KubeClient } from "../../harness/src/real/kube-client.ts";
import { PostgresServer } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";

const main = join(import.meta.dirname, "../src/main.ts");

export interface ReplicaPlace {
  /** What the process is started through, such as `ip netns exec NAME`. */
  readonly through?: readonly string[];
  /** Where it listens. */
  readonly host?: string;
  readonly more?: readonly string[];
}

/** Two on one database, once both have somebody who serves nodes: who leads first, then who follows. */
export async function twoReplicas(
  stack: AsyncDisposableStack,
): Promise<readonly [ReplicaProcess, ReplicaProcess]> {
  const server = stack.use(await PostgresServer.start());
  const url = await server.database("replicas");
  const [one, other] = [stack.use(new ReplicaProcess(url)), stack.use(new ReplicaProcess(url))] as const;
  await Promise.all([one.start(), other.start()]);
  for (const replica of [one, other]) await waitFor("a replica to serve nodes", () => replica.session(), 30);
  return one.leads ? [one, other] : [other, one];
}

export class ReplicaProcess implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "selvedge-replica-"));
  readonly log: string[] = [];
  readonly #url: string;
  readonly #place: ReplicaPlace;
  kubePort = 0;
  devicePort = 0;
  #child: ChildProcess | undefined;

  constructor(url: string, place: ReplicaPlace = {}) {
    this.#url = url;
    this.#place = place;
  }

  get kubeconfig(): string {
    return join(this.folder, "kubeconfig");
  }

  /** The root that nodes are given: one for all replicas. */
  get rootCertificate(): string {
    const data = /certificate-authority-data: (\S+)/.exec(readFileSync(this.kubeconfig, "utf8"))?.[1] ?? "";
    return Buffer.from(data, "base64").toString();
  }

  /** Starts it, again on the ports it had, and resolves when it listens. */
  async start(): Promise<void> {
    const { through = [], host = "127.0.0.1", more = [] } = this.#place;
    // Its password is on no command line.
    const secret = join(this.folder, "database");
    writeFileSync(secret, `${this.#url}\n`, { mode: 0o600 });
    const [program = "", ...args] = [
      ...[
        ...through,
        process.execPath,
        main,
        "--data",
        this.folder,
        "--database",
        secret,
        "--peer",
        `${host}:0`,
      ],
      ...[
        "--kube-listen",
        `${host}:${this.kubePort}`,
        "--device-listen",
        `${host}:${this.devicePort}`,
        ...more,
      ],
    ];
    this.log.length = 0;
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    const listening = Promise.withResolvers<void>();
    child.once("close", (code) => listening.reject(new Error(`ended with ${code}:\n${this.log.join("")}`)));
    // One that is killed while it starts is not waited for.
    listening.promise.catch(() => undefined);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log.push(text);
      const line = /"message":"listening","kube":"[^"]*:(\d+)","device":"[^"]*:(\d+)"/.exec(
        this.log.join(""),
      );
      if (line === null) return;
      this.kubePort = Number(line[1]);
      this.devicePort = Number(line[2]);
      listening.resolve();
    });
    await listening.promise;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "close");
    child.kill(signal);
    await ended;
  }

  /** Stands still as a machine without power does: nothing ends, and nobody answers. */
  standStill(isStill: boolean): void {
    this.#child?.kill(isStill ? "SIGSTOP" : "SIGCONT");
  }

  /** What a node of EVE keeps between its connections. */
  async session(): Promise<Buffer> {
    const { devicePort: port, rootCertificate: ca } = this;
    const socket = connectTls({ port, host: "127.0.0.1", ca }).resume();
    const [session] = (await once(socket, "session")) as [Buffer];
    socket.destroy();
    return session;
  }

  async resumes(session: Buffer): Promise<boolean> {
    const { devicePort: port, rootCertificate: ca } = this;
    const socket = connectTls({ port, host: "127.0.0.1", ca, session });
    await once(socket, "secureConnect");
    const isReused = socket.isSessionReused();
    socket.destroy();
    return isReused;
  }

  client(): Promise<KubeClient> {
    return KubeClient.open(this.kubeconfig);
  }

  /** Forwards a free port to the Pod's, until it is disposed. */
  async portForward(
    pod: string,
    env: Readonly<Record<string, string>> = {},
    remote = 8080,
  ): Promise<AsyncDisposable & { readonly port: number }> {
    const words = ["--kubeconfig", this.kubeconfig, "port-forward", pod, `:${remote}`];
    const child = spawn((await kubectl()) ?? "", words, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    const ended = once(child, "exit");
    const port = Promise.withResolvers<number>();
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      said += part;
      const match = /127\.0\.0\.1:(\d+)/.exec(said);
      if (match !== null) port.resolve(Number(match[1]));
    });
    void ended.then(() => port.reject(new Error(`port-forward ended: ${said}`)));
    const stop = async (): Promise<void> => {
      child.kill();
      await ended;
    };
    return { port: await port.promise, [Symbol.asyncDispose]: stop };
  }

  async kubectl(words: string, input = "", env: Readonly<Record<string, string>> = {}): Promise<string> {
    const binary = (await kubectl()) ?? "";
    const args = ["--kubeconfig", this.kubeconfig, "--cache-dir", this.folder, ...words.split(" ")];
    return await new Promise((resolve, reject) => {
      const child = execFile(
        binary,
        args,
        { timeout: 60_000, env: { ...process.env, ...env } },
        (error, out, err) => {
          if (error === null) resolve(out);
          else reject(new Error(`kubectl ${words}: ${err}${out}`));
        },
      );
      child.stdin?.end(input);
    });
  }

  /** Whether it does, by its own log. */
  get leads(): boolean {
    const said = this.log.join("").split("\n");
    return (
      said.findLast((line) => line.includes('"message":"this replica leads'))?.includes('leads"') === true
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
