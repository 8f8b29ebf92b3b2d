/** As many streams as a node may have, on real parts: each goes on whatever becomes of the others. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { PassThrough, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { Exec, type KubeConfig } from "@kubernetes/client-node";
import { WebSocket } from "ws";
import type { LocalSystem } from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { kubectl } from "../kubectl.ts";
import { KubectlSession } from "./kubectl-session.ts";

const [commands, connections] = [50, 49];
/** The app's httpd lets nine wait; its kernel turns away who comes besides, once its patience is over. */
const atOnce = 8;

export interface Streamed {
  readonly system: LocalSystem;
  readonly config: KubeConfig;
  /** Runs the example app. */
  readonly pod: string;
}

/** All are open at once, one of them unread, and each ends by itself; one more is refused. */
export async function hundredStreams({ system, config, pod }: Streamed): Promise<void> {
  const remote = new Remote(config, pod);
  const unread = await remote.run(["cat", "/dev/zero"], new PassThrough());
  unread.pause();
  const session = new KubectlSession((await kubectl()) ?? "", system);
  await using forward = session.follow("port-forward", `pod/${pod}`, ":8080");
  const [, port] = await forward.until(/Forwarding from 127\.0\.0\.1:(\d+)/);
  const pages: Socket[] = [];
  while (pages.length < connections) {
    for (let more = Math.min(atOnce, connections - pages.length); more > 0; more--) {
      const page = connect(Number(port), "127.0.0.1");
      page.write("GET / HTTP/1.0\r\n");
      pages.push(page);
    }
    await waitFor("the app to take its connections", async () => {
      const { stdout } = await session.run("exec", pod, "--", "sh", "-c", "ps | grep -c '[h]ttpd -f'");
      return Number(stdout) > pages.length || undefined;
    });
  }
  const cats = await Promise.all(Array.from({ length: commands }, () => remote.echo()));
  await waitFor("one more to be refused", async () => {
    const { code, stderr } = await session.run("exec", pod, "--", "true");
    return (code !== 0 && /the node has 100 streams open; close one/.test(stderr)) || undefined;
  });
  const word = "x".repeat(200_000);
  for (const cat of cats) cat.input.end(word);
  // Half closed: what comes back comes on the other half.
  for (const page of pages) page.end("\r\n");
  for (const answer of await Promise.all(pages.map(read))) assert.match(answer, /Hello from the edge/);
  for (const { said } of cats) assert.equal((await said).length, word.length);
  assert.equal(unread.readyState, WebSocket.OPEN);
  unread.terminate();
}

/** Commands in the example app, by the client library of JavaScript. */
class Remote {
  readonly #config: KubeConfig;
  readonly #pod: string;

  constructor(config: KubeConfig, pod: string) {
    this.#config = config;
    this.#pod = pod;
  }

  async run(command: string[], out: Writable, input?: PassThrough, ended?: () => void): Promise<WebSocket> {
    const place = ["default", this.#pod, "web"] as const;
    const exec = new Exec(this.#config);
    return (await exec.exec(
      ...place,
      command,
      out,
      null,
      input ?? null,
      false,
      ended,
    )) as unknown as WebSocket;
  }

  async echo(): Promise<{ readonly input: PassThrough; readonly said: Promise<string> }> {
    const [input, out] = [new PassThrough(), new PassThrough()];
    const said = text(out);
    await this.run(["cat"], out, input, () => out.end());
    return { input, said };
  }
}

async function read(socket: Socket): Promise<string> {
  let all = "";
  socket.setEncoding("utf8").on("data", (part: string) => {
    all += part;
  });
  await once(socket, "close");
  return all;
}
