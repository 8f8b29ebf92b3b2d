/** Stock kubectl against the streams of an API server whose Pods are processes of this machine. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { namespaceKind, type Pod, podKind } from "@selvedge/kinds";
import { WebSocket } from "ws";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { ApiServer, ObjectRegistry, podSubresources, SqliteStore } from "../src/index.ts";
import { LocalStreams } from "./local-streams.ts";

const folder = mkdtempSync(join(tmpdir(), "selvedge-streams-"));
const clock = new SystemClock();
const streams = new LocalStreams();
const store = new SqliteStore(join(folder, "store.db"));
const objects = new ObjectRegistry([namespaceKind, podKind], store, clock, new SeededRandom(1));
let server: ApiServer;
let access: string[];

before(async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -days 2".split(" ");
  execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const log = new Log("test", clock, silentSink);
  server = new ApiServer({
    ...{ objects, clock, log },
    tls: { key: readFileSync(key), cert: readFileSync(cert) },
    tokens: new Map([
      [createHash("sha256").update("letmein").digest("hex"), { name: "root", groups: ["system:masters"] }],
    ]),
    subresource: podSubresources({
      ...{ streams, clock, log },
      pod: (namespace, name) => objects.get<Pod>(podKind, name, namespace),
    }),
  });
  const port = await server.listen(0, "127.0.0.1");
  access = ["--kubeconfig=/dev/null", `--server=https://127.0.0.1:${port}`, "--insecure-skip-tls-verify"];
  access.push("--token=letmein", `--cache-dir=${folder}`);
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
  await objects.create(namespaceKind, namespace);
  await runningPod("web", ["main"]);
  await runningPod("two", ["one", "other"]);
});

after(async () => {
  await server.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

async function runningPod(name: string, containers: readonly string[]): Promise<void> {
  const made = await objects.create(podKind, {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: { nodeName: "box", containers: containers.map((one) => ({ name: one, image: "x" })) },
  });
  const startedAt = "2026-01-01T00:00:00Z";
  const containerStatuses = containers.map((one) => ({
    ...{ name: one, image: "x", imageID: "x", ready: true, restartCount: 0, started: true },
    state: { running: { startedAt } },
  }));
  await objects.updateStatus(podKind, { ...made, status: { phase: "Running", containerStatuses } });
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Variant {
  readonly name: string;
  readonly version: KubectlVersion;
  readonly env: Record<string, string>;
}

const spdyOnly = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" };
const variants: readonly Variant[] = [
  { name: "kubectl 1.32", version: "1.32", env: {} },
  { name: "kubectl 1.35", version: "1.35", env: {} },
  { name: "kubectl 1.28", version: "1.28", env: {} },
  { name: "kubectl 1.32 over SPDY", version: "1.32", env: spdyOnly },
];

// Before there is a suite: the server would not wait for those that come after a slow download.
const missing = await Promise.all(variants.map(({ version }) => kubectlMissing(version)));
for (const [index, { name, version, env }] of variants.entries()) {
  describe(name, { skip: missing[index] }, () => {
    const binary = async (): Promise<string> => (await kubectl(version)) ?? "";
    const options = { env: { ...process.env, HOME: folder, ...env }, timeout: 60_000 };
    const start = async (...words: string[]): Promise<ChildProcess> =>
      spawn(await binary(), [...access, ...words], options);
    const run = async (words: readonly string[], input: string | Buffer = ""): Promise<Ended> => {
      const child = await start(...words);
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout?.on("data", (part: Buffer) => out.push(part));
      child.stderr?.on("data", (part: Buffer) => err.push(part));
      child.stdin?.on("error", () => undefined).end(input);
      const [code] = (await once(child, "close")) as [number];
      return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
    };

    it("exec keeps the streams apart and gives the exit code", async () => {
      const script = "echo out; echo err >&2; exit 3";
      const ended = await run(["exec", "web", "--", "sh", "-c", script]);
      assert.deepEqual(
        { code: ended.code, stdout: ended.stdout },
        { code: 3, stdout: "out\n" },
        ended.stderr,
      );
      assert.match(ended.stderr, /^err\n/);
      assert.match(ended.stderr, /command terminated with exit code 3/);
    });

    it("exec -i passes a megabyte both ways and ends with its input", async () => {
      const sent = randomBytes(1_000_000).toString("base64");
      const { code, stdout, stderr } = await run(["exec", "-i", "web", "--", "cat"], sent);
      assert.equal(code, 0, stderr);
      assert.ok(stdout === sent, `${stdout.length} of ${sent.length} characters came back`);
    });

    it("exec -it has a terminal and its size", { skip: terminalMissing() }, async () => {
      const command = [await binary(), ...access, "exec", "-it", "web", "--", "echo", "there"].join(" ");
      const { stdout } = await promised(
        "script",
        ["-qec", `stty cols 101 rows 33; ${command}`, "/dev/null"],
        {
          env: { ...process.env, HOME: folder, ...env },
        },
      );
      assert.match(stdout, /there\r\n/);
      assert.ok(streams.sizes.includes("101x33"), `sizes: ${streams.sizes}`);
    });

    it("exec -t shows a refusal of the node too", { skip: terminalMissing() }, async () => {
      const command = [await binary(), ...access, "exec", "-it", "web", "--", "refuse"].join(" ");
      const { stdout } = await promised("script", ["-qec", command, "/dev/null"], {
        env: { ...process.env, HOME: folder, ...env },
      });
      assert.match(stdout, /the node is asleep/);
    });

    it("attach -i talks to the container's main process", async () => {
      const { code, stdout, stderr } = await run(["attach", "-i", "web"], "hello\n");
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "hello\n");
    });

    it("a refusal of the node is the user's error", async () => {
      const { code, stderr } = await run(["exec", "web", "--", "refuse"]);
      assert.equal(code, 1);
      assert.match(stderr, /the node is asleep/);
    });

    it("cp goes both ways", async () => {
      const [source, there, back] = ["source", "there", "back"].map((file) =>
        join(folder, `${file}-${version}`),
      );
      const bytes = randomBytes(300_000);
      writeFileSync(source ?? "", bytes);
      const sent = await run(["cp", source ?? "", `web:${there}`]);
      assert.equal(sent.code, 0, sent.stderr);
      assert.ok(readFileSync(there ?? "").equals(bytes));
      const fetched = await run(["cp", `web:${there}`, back ?? ""]);
      assert.equal(fetched.code, 0, fetched.stderr);
      assert.ok(readFileSync(back ?? "").equals(bytes));
    });

    it("port-forward carries several connections, large answers and refusals", async () => {
      const page = randomBytes(500_000);
      const web = createServer((_request, response) => response.end(page));
      const port = await listening(web);
      const child = await start("port-forward", "web", `:${port}`, "--address=127.0.0.1");
      try {
        const local = Number(/127\.0\.0\.1:(\d+) ->/.exec(await firstLine(child))?.[1]);
        const answers = await Promise.all([1, 2, 3, 4].map(() => fetched(local)));
        assert.ok(answers.every((answer) => answer.equals(page)));
        web.closeAllConnections();
        await new Promise((resolve) => web.close(resolve));
        const stderr = firstMatch(child, /error forwarding port \d+ to pod web/);
        await assert.rejects(fetched(local));
        await stderr;
      } finally {
        child.kill();
        web.close();
      }
    });

    it("port-forward ends a connection when the app does", async () => {
      const web = createTcpServer((connection) => connection.end("all of it"));
      const port = await listening(web);
      const child = await start("port-forward", "web", `:${port}`, "--address=127.0.0.1");
      try {
        const local = Number(/127\.0\.0\.1:(\d+) ->/.exec(await firstLine(child))?.[1]);
        // It never says that it has ended itself.
        const client = connect({ port: local, host: "127.0.0.1", allowHalfOpen: true });
        assert.equal(await text(client), "all of it");
        client.destroy();
      } finally {
        child.kill();
        web.close();
      }
    });

    it("logs come whole, and live with -f", async () => {
      const { stdout, stderr } = await run(["logs", "web", "--tail=5", "--timestamps", "--since=1h"]);
      assert.equal(stdout, "one\ntwo\n", stderr);
      const { tailLines, timestamps, since } = (streams.asked.at(-1)?.options ?? {}) as Record<
        string,
        unknown
      >;
      assert.deepEqual(
        { tailLines, timestamps, recent: typeof since },
        { ...{ tailLines: 5, timestamps: true }, recent: "number" },
      );
      const child = await start("logs", "-f", "web");
      const seen = firstLine(child);
      streams.following.write(`live ${name}\n`);
      assert.equal(await seen, `live ${name}\n`);
      const { following } = streams;
      const gone = new Promise((resolve) => following.on("error", () => undefined).once("close", resolve));
      child.kill();
      await gone;
    });

    it("a container must be named where there are several", async () => {
      const { code, stdout, stderr } = await run(["logs", "two", "-c", "third"]);
      assert.equal(code, 1, stdout);
      assert.match(stderr, /container third is not valid for pod two/);
      const raw = await run(["get", "--raw", "/api/v1/namespaces/default/pods/two/log"]);
      assert.match(
        raw.stderr,
        /a container name must be specified for pod two, choose one of: \[one other\]/,
      );
    });
  });
}

/**
 * What libraries for JavaScript, Python and browsers speak: channels in one WebSocket, and nothing of SPDY.
 */
describe("client libraries", () => {
  const dial = async (
    path: string,
    protocols: readonly string[],
  ): Promise<{ socket: WebSocket; got: Buffer[] }> => {
    const { port } = new URL(access[1]?.replace("--server=", "") ?? "");
    const url = `wss://127.0.0.1:${port}/api/v1/namespaces/default/pods/web/${path}`;
    const headers = { authorization: "Bearer letmein" };
    const socket = new WebSocket(url, [...protocols], { headers, rejectUnauthorized: false });
    const got: Buffer[] = [];
    socket.on("message", (data: Buffer) => got.push(data));
    await once(socket, "open");
    return { socket, got };
  };

  it("exec in v4, in bytes, and may leave once they have said all: a command that reads gets it", async () => {
    const file = join(folder, "sent");
    const script = encodeURIComponent(`tee ${file}.part && mv ${file}.part ${file}`);
    const query = `exec?command=sh&command=-c&command=${script}&stdin=true&stdout=true`;
    const { socket, got } = await dial(query, ["v4.channel.k8s.io"]);
    socket.send(Buffer.from("\0hello"));
    while (Buffer.concat(got.filter((part) => part[0] === 1)).length < 6) await once(socket, "message");
    assert.deepEqual(got, [Buffer.from("\u0001hello")]);
    // More than a MiB in one message, as Ansible sends it.
    const sent = randomBytes(3_000_000);
    socket.send(Buffer.concat([Buffer.from("\0"), sent]));
    socket.close();
    await waitFor("the file", async () => existsSync(file) || undefined);
    assert.ok(Buffer.concat([Buffer.from("hello"), sent]).equals(readFileSync(file)));
  });

  for (const protocol of ["v4.base64.channel.k8s.io", "base64.channel.k8s.io"])
    it(`exec in ${protocol}, with the exit code as it is told there`, async () => {
      const query = "exec?command=sh&command=-c&command=echo%20hi%3B%20exit%202&stdout=1&stderr=1";
      const { socket, got } = await dial(query, [protocol]);
      const [code] = (await once(socket, "close")) as [number];
      assert.equal(code, 1000);
      const of = (channel: string): string =>
        got
          .filter((part) => part.toString()[0] === channel)
          .map((part) => atob(part.toString().slice(1)))
          .join("");
      assert.equal(of("1"), "hi\n");
      if (protocol.startsWith("v4")) assert.equal(JSON.parse(of("3")).details.causes[0].message, "2");
      else assert.match(of("3"), /^command terminated with .*exit code/);
    });

  it("forward ports on numbered channels, each begun with its port", async () => {
    const echo = createTcpServer((connection) => connection.pipe(connection));
    const port = await listening(echo);
    const { socket, got } = await dial(`portforward?ports=${port}&ports=1`, ["v4.channel.k8s.io"]);
    const channel = (number: number): Buffer =>
      Buffer.concat(got.filter((part) => part[0] === number).map((part) => part.subarray(1)));
    socket.send(Buffer.from("\0ping"));
    while (channel(0).length < 6 || channel(3).length < 3) await once(socket, "message");
    assert.equal(channel(0).readUInt16LE(), port);
    assert.equal(channel(0).subarray(2).toString(), "ping");
    assert.equal(channel(1).readUInt16LE(), port);
    assert.match(channel(3).subarray(2).toString(), /error forwarding port 1 to pod web: .*ECONNREFUSED/);
    socket.close();
    await once(socket, "close");
    echo.close();
  });

  it("learn from the end of the connection that the app has said everything", async () => {
    const page = randomBytes(200_000);
    const web = createTcpServer((connection) => void connection.once("data", () => connection.end(page)));
    const port = await listening(web);
    const { socket, got } = await dial(`portforward?ports=${port}`, ["v4.channel.k8s.io"]);
    socket.send(Buffer.from("\0GET /"));
    await once(socket, "close");
    const answer = Buffer.concat(got.filter((part) => part[0] === 0).map((part) => part.subarray(1)));
    assert.ok(answer.subarray(2).equals(page));
    web.close();
  });

  const refused: readonly (readonly [string, string, readonly string[], number])[] = [
    ["a protocol nobody knows", "exec?command=x&stdout=1", ["v9.channel.k8s.io"], 400],
    ["no stream at all", "exec?command=x", ["v4.channel.k8s.io"], 400],
    ["no command", "exec?stdout=1", ["v4.channel.k8s.io"], 422],
    ["a Pod that is not there", "../nobody/exec?command=x&stdout=1", ["v4.channel.k8s.io"], 404],
    ["no port", "portforward", ["v4.channel.k8s.io"], 400],
  ];
  for (const [name, path, protocols, status] of refused) {
    it(`are refused with ${name}`, async () => {
      await assert.rejects(dial(path, protocols), new RegExp(`Unexpected server response: ${status}`));
    });
  }
});

/** A function, so that it is there for tests that begin while a later kubectl is still being fetched. */
function promised(
  file: string,
  args: readonly string[],
  options: object,
): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(file, args, options, (_error, stdout, stderr) =>
      resolve({ stdout: String(stdout), stderr: String(stderr) }),
    );
  });
}

function terminalMissing(): string | false {
  try {
    execFileSync("script", ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    return "script (bsdutils) is needed to have a terminal";
  }
}

async function listening(web: TcpServer): Promise<number> {
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  return (web.address() as AddressInfo).port;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [part] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return part.toString();
}

function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = "";
    child.stderr?.on("data", (part: Buffer) => {
      seen += part.toString();
      if (pattern.test(seen)) resolve(seen);
    });
    child.once("close", () => reject(new Error(`ended without ${pattern}: ${seen}`)));
  });
}

function fetched(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: "127.0.0.1", agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts)));
      response.on("error", reject);
    });
    request.on("error", reject).end();
  });
}
