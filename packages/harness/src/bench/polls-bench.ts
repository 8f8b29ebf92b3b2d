import { SystemClock } from "@selvedge/base";
import { type EnrollmentProfile, enrollmentProfileKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { PollConnection } from "../wire/poll-connection.ts";
import { makeOnboarding, type Onboarding } from "../wire/wire-node.ts";
import { type Bench, type Figure, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import { enrolUpTo, KeptConnections, type Load, measured } from "./poll-load.ts";
import { processUsage } from "./process-meter.ts";
import { registerUpTo } from "./registered-nodes.ts";

const clock = new SystemClock();
/** Nodes that enrol and connect. */
const sizes = [1, 1000, 10_000];
/** Nodes that are registered at last, most of which are silent: more sockets than a machine has for both ends. */
const registered = 100_000;
const http304 = 304;

/** What a fleet at rest costs: every node asks whether something changed, and nothing did. */
export const pollsBench: Bench = {
  name: "polls",
  summary: "signed unchanged polls at 1 to 100,000 nodes: kept, resumed and new connections",
  missing: () => undefined,
  async *run(progress) {
    await using controller = await ControllerProcess.start();
    using client = await controller.client();
    const onboarding = await admitAll(client);
    const [host = "", port = ""] = controller.deviceAddress.split(/:(?=\d+$)/);
    const load: Load = {
      target: { host, port: Number(port), ca: client.ca },
      pid: controller.pid,
      requests: [],
    };
    for (const size of sizes) {
      const began = clock.monotonic();
      const before = load.requests.length;
      await enrolUpTo(size, load, onboarding, progress);
      const seconds = (clock.monotonic() - began) / 1000;
      if (size > 1)
        yield {
          name: `enrol.nodes.${size}`,
          value: round((size - before) / seconds, 0),
          unit: "1/s",
          note: `from ${before} nodes on`,
        };
      yield* kept(size, load, progress);
      yield* anew(size, load, progress);
    }
    const began = clock.monotonic();
    await registerUpTo(registered, sizes.at(-1) ?? 0, client, progress);
    const seconds = (clock.monotonic() - began) / 1000;
    yield {
      name: `register.nodes.${registered}`,
      value: round((registered - (sizes.at(-1) ?? 0)) / seconds, 0),
      unit: "1/s",
      note: "EdgeNodes with a certificate, until each has its configuration",
    };
    yield* kept(registered, load, progress);
  },
};

/** Every box with this onboarding certificate is let in. */
export async function admitAll(client: KubeClient): Promise<Onboarding> {
  const onboarding = await makeOnboarding("load", clock.now());
  await client.apply<EnrollmentProfile>(enrollmentProfileKind, {
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EnrollmentProfile",
    metadata: { name: "load" },
    spec: {
      onboardingCertificate: onboarding.certificatePem,
      serials: ["load-*"],
      approve: "Automatic",
      nodeName: "{serial}",
    },
  });
  return onboarding;
}

async function* kept(size: number, load: Load, progress: (line: string) => void): AsyncGenerator<Figure> {
  using connections = await KeptConnections.open(load);
  progress(`${size} nodes, ${connections.count} connections`);
  await connections.warm();
  for (const kind of ["same", "verified"] as const) {
    yield* renamed(connections.measured("polls.kept", kind), size);
    // What the other kind left behind is not what this one finds.
    await connections.warm();
  }
  const { rssBytes } = await processUsage(load.pid);
  yield {
    name: `controller.rss.${size}`,
    value: round(rssBytes / 2 ** 20, 0),
    unit: "MiB",
    ...(size <= 10_000 && { budget: 2048 }),
    note: `${connections.count} connected`,
  };
  if (size === 1) yield await bytesOfOne(load);
}

/** `polls.kept.same.cpu` becomes `polls.kept.same.1000.cpu`. */
async function* renamed(figures: AsyncGenerator<Figure>, size: number): AsyncGenerator<Figure> {
  for await (const figure of figures) {
    const [, base = "", rest = ""] = /^((?:[^.]+\.){2}[^.]+)(.*)$/.exec(figure.name) ?? [];
    yield { ...figure, name: `${base}.${size}${rest}` };
  }
}

async function bytesOfOne(load: Load): Promise<Figure> {
  using connection = await PollConnection.open(load.target);
  const request = load.requests[0]?.[0] ?? Buffer.alloc(0);
  await connection.poll(request);
  const before = connection.bytes;
  await connection.poll(request);
  const value = connection.bytes - before;
  return { name: "polls.bytes", value, unit: "bytes", note: "one poll and its answer, with TLS" };
}

/** Nodes that connect anew for each poll, as EVE's do: with a session of before, and without. */
async function* anew(size: number, load: Load, progress: (line: string) => void): AsyncGenerator<Figure> {
  progress(`${size} nodes that connect anew each time`);
  const sessions = new Map<number, Buffer>();
  let [all, again] = [0, 0];
  const poll = async (index: number, session: Buffer | undefined): Promise<void> => {
    using connection = await PollConnection.open(load.target, session);
    const status = await connection.poll(load.requests[index]?.[0] ?? Buffer.alloc(0));
    if (status !== http304) throw new Error(`a poll was answered with ${status}`);
    all++;
    if (connection.isResumed) again++;
    if (connection.session !== undefined) sessions.set(index, connection.session);
  };
  const resumed = (index: number): Promise<void> => poll(index, sessions.get(index));
  for (let index = 0; index < size; index++) await resumed(index);
  [all, again] = [0, 0];
  yield* measured(`polls.resumed.${size}`, size, load.pid, resumed);
  yield {
    name: `polls.resumed.${size}.share`,
    value: round((100 * again) / all, 1),
    unit: "%",
    note: "resumed in fact",
  };
  yield* measured(`polls.full.${size}`, size, load.pid, (index) => poll(index, undefined));
}
