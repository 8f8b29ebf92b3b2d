import { readFile, rm } from "node:fs/promises";
import { Agent, get } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { type Clock, SystemClock } from "@selvedge/base";
import { demoImage, demoReference } from "../image/demo-image.ts";
import { writeImage } from "../image/oci-layout.ts";
import { ownArchitecture } from "../image/pack-command.ts";
import { push } from "../image/push-command.ts";
import { type Command, type Io, UsageError } from "../io.ts";
import { connect, type KubeConnection, waitFor } from "../kube.ts";
import { checkout, defaultDir } from "../layout.ts";
import { dialPod } from "../port-forward.ts";
import { run } from "../processes.ts";
import { step } from "../progress.ts";
import { stopSystem } from "../up/down-command.ts";
import { systemFlags } from "../up/system-flags.ts";
import { describeSystem, upDetached } from "../up/up-command.ts";
import { readUpState } from "../up/up-state.ts";
import { applyManifest } from "./apply.ts";
import { type DemoPod, demoPods } from "./demo-pods.ts";

const help = `Usage: ./selvedge demo [--nodes N] [--dir DIR] [--port P]

Starts a local system if none runs ("up --detach"), makes the example app's image from this machine's busybox, publishes
it in the controller's registry, applies examples/hello.yaml, and fetches the app's page through the controller. The
system goes on running: "./selvedge down" stops it.`;

export const demoCommand: Command = {
  name: "demo",
  summary: "up, then deploy the example app and fetch its page",
  async run(args, io, signal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        nodes: { type: "string" },
        dir: { type: "string" },
        port: { type: "string", default: "6443" },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const { nodes, dir, port } = systemFlags(values);
    if (nodes === 0) throw new UsageError("the example app needs a node: --nodes 1 or more");
    const clock = new SystemClock();
    const isOurs = await upDetached({ dir, nodes, port }, io, signal);
    try {
      await deploy(dir, io, clock, signal);
    } catch (error) {
      // What runs already goes on; what this demo started is stopped with it. A failure stays to be looked
      // at.
      if (isOurs && signal.aborted) {
        io.err("Stopping…");
        await stopSystem(dir);
        io.err(`Stopped. Everything it stored is still in ${dir}.`);
      } else io.err(`The system goes on running: ./selvedge down${dirFlag(dir)} stops it.`);
      throw error;
    }
    return 0;
  },
};

async function deploy(dir: string, io: Io, clock: Clock, signal: AbortSignal): Promise<void> {
  await publish(dir, io, clock, signal);
  using connection = await connect(join(dir, "kubeconfig"));
  const manifest = join(checkout, "examples", "hello.yaml");
  await applyManifest(connection, await readFile(manifest, "utf8"));
  const pods = await step(io, clock, "Waiting for the app to be ready on every node", () =>
    readyPods(connection, io, clock, signal),
  );
  for (const pod of pods) {
    const page = await step(io, clock, `Fetching the page of ${pod.name} through port-forward`, (onReason) =>
      fetchPage(connection, pod, { clock, signal, onReason }),
    );
    io.out(`\nThe page of ${pod.name} on ${pod.node}, through the controller:\n\n${indent(plain(page))}`);
  }
  await tellWhatNext(dir, pods, io);
}

async function publish(dir: string, io: Io, clock: Clock, signal: AbortSignal): Promise<void> {
  // In the system's own folder: what a killed demo leaves there is swept by the next one.
  const folder = join(dir, "demo");
  await rm(folder, { recursive: true, force: true });
  try {
    await step(io, clock, "Making the example image from busybox", () =>
      writeImage(join(folder, "image"), demoImage(ownArchitecture()), signal),
    );
    await push({
      image: join(folder, "image"),
      reference: demoReference,
      kubeconfig: join(dir, "kubeconfig"),
      io: { ...io, out: io.err },
      signal,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readyPods(
  connection: KubeConnection,
  io: Io,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly DemoPod[]> {
  const told = new Map<string, string>();
  return await waitFor(clock, signal, "the example app", async () => {
    const { pods, wanted } = await demoPods(connection);
    for (const { name, node, state } of pods) {
      if (told.get(name) !== state) io.err(`  ${name} on ${node || "no node yet"}: ${state}`);
      told.set(name, state);
    }
    return wanted > 0 && pods.length === wanted && pods.every(({ isReady }) => isReady) ? pods : undefined;
  });
}

/** Ready means the page answers on the node; the way to it may need another moment. */
async function fetchPage(
  connection: KubeConnection,
  { name }: DemoPod,
  { clock, signal, onReason }: { clock: Clock; signal: AbortSignal; onReason: (reason: string) => void },
): Promise<string> {
  const attempt = async (): Promise<string> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(pageLimit)]);
    const stream = await dialPod(connection, { namespace: "default", pod: name, port: 8080 }, limit);
    try {
      return await getOver(stream, limit);
    } finally {
      stream.destroy();
    }
  };
  return await waitFor(clock, signal, `the page of ${name}`, attempt, { onReason });
}

/** A page that takes longer is asked for again. */
const pageLimit = 15_000;

function getOver(stream: Duplex, signal: AbortSignal): Promise<string> {
  const agent = new Agent();
  agent.createConnection = () => stream;
  return new Promise((resolve, reject) => {
    get({
      signal,
      agent,
      host: "hello",
      path: "/",
      headers: { "user-agent": "selvedge-demo", connection: "close" },
    })
      .on("error", reject)
      .on("response", (answer) => {
        text(answer).then((body) => {
          if (answer.statusCode === 200) resolve(body);
          else reject(new Error(`the app answers ${answer.statusCode}: ${body.trim()}`));
        }, reject);
      });
  });
}

/** The words of the page, for a terminal. */
function plain(page: string): string {
  return page
    .replace(/<title>.*?<\/title>/s, "")
    .replace(/<[^>]*>/g, "")
    .trim();
}

function indent(block: string): string {
  return block.replace(/^/gm, "    ");
}

async function tellWhatNext(dir: string, pods: readonly DemoPod[], io: Io): Promise<void> {
  const state = await readUpState(dir);
  if (state === undefined) throw new Error(`nothing is running from ${dir}`);
  const [pod] = pods;
  io.out(`\n${describeSystem(state.plan)}`);
  io.out(
    [
      "",
      "Try next:",
      `  export KUBECONFIG=${join(dir, "kubeconfig")}`,
      "  kubectl get nodes,pods -o wide",
      "  kubectl port-forward daemonset/hello 8080     # then open http://127.0.0.1:8080",
      "  kubectl logs -f daemonset/hello",
      `  kubectl exec -it ${pod?.name ?? "daemonset/hello"} -- sh`,
      `  ./selvedge down${dirFlag(dir)}`,
    ].join("\n"),
  );
  if ((await run("sh", ["-c", "command -v kubectl"])).code !== 0) io.out(`\n${howToGetKubectl()}`);
}

function dirFlag(dir: string): string {
  return dir === defaultDir() ? "" : ` --dir ${dir}`;
}

function howToGetKubectl(): string {
  const url = `https://dl.k8s.io/release/v1.35.0/bin/linux/${ownArchitecture()}/kubectl`;
  return [
    "This machine has no kubectl (1.27 or newer). To get it:",
    `  curl -Lo /usr/local/bin/kubectl ${url} && chmod +x /usr/local/bin/kubectl`,
  ].join("\n");
}
