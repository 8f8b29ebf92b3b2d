import { SystemClock } from "@selvedge/base";
import { type EnrollmentProfile, enrollmentProfileKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { PollConnection } from "../wire/poll-connection.ts";
import { makeOnboarding, type Onboarding } from "../wire/wire-node.ts";
import { type Bench, type Figure, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import {
  atRest,
  comparedMs,
  enrolUpTo,
  KeptConnections,
  type Load,
  measured,
  type PollKind,
  pollsAtOnce,
  requestsOf,
} from "./poll-load.ts";
import { processUsage } from "./process-meter.ts";
import { RegisteredFleet } from "./registered-fleet.ts";

const clock = new SystemClock();
const sizes = [1, 1000, 10_000, 100_000];
/** Of a fleet; more sockets than that a machine does not have for both ends. */
const connectedMax = 10_000;
/** Who connects anew for each poll: what that costs does not depend on who else is there. */
const anewMax = 1000;
const enrolled = 500;
const http304 = 304;
/** How much more the dearest poll may cost than the one of a fleet of one. */
const flat = 1.2;

/** What a fleet at rest costs: every node asks whether something changed, and nothing did. */
export const pollsBench: Bench = {
  name: "polls",
  summary: "signed unchanged polls at 1 to 100,000 nodes: kept, resumed and new connections",
  missing: () => undefined,
  async *run(progress) {
    const cpu = new Map<string, number[]>();
    await using fleet = await RegisteredFleet.make();
    for (const size of sizes) {
      const began = clock.monotonic();
      const { controller, nodes } = await fleet.start(size, Math.min(size, connectedMax));
      await using _ = controller;
      progress(`${size} nodes, after ${round((clock.monotonic() - began) / 1000, 0)} s`);
      const target = await controller.deviceTarget();
      const requests = nodes.map((node) => requestsOf(node, nodes.length, target.host));
      const load: Load = { target, pid: controller.pid, requests };
      for await (const figure of few(size, load)) {
        yield figure;
        const kind = /^polls\.few\.(same|verified)\.\d+\.cpu$/.exec(figure.name)?.[1];
        if (kind !== undefined) cpu.set(kind, [...(cpu.get(kind) ?? []), figure.value]);
      }
      yield* kept(size, load, progress);
      yield* anew(size, load, progress);
    }
    for (const [kind, [first = Number.NaN, ...others]] of cpu) {
      const value = round(Math.max(...others) / first);
      const note = "the dearest beside that of one node";
      yield { name: `polls.few.${kind}.flat`, value, unit: "times", budget: flat, note };
    }
    yield await enrolling(progress);
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

async function enrolling(progress: (line: string) => void): Promise<Figure> {
  await using controller = await ControllerProcess.start();
  using client = await controller.client();
  const onboarding = await admitAll(client);
  const load: Load = { target: await controller.deviceTarget(), pid: controller.pid, requests: [] };
  const began = clock.monotonic();
  await enrolUpTo(enrolled, load, onboarding, progress);
  const value = round((enrolled * 1000) / (clock.monotonic() - began), 0);
  return { name: `enrol.nodes.${enrolled}`, value, unit: "1/s", note: "until each has its configuration" };
}

/** The same few connections whatever the size of the fleet: what changes is only how many nodes there are. */
async function* few(size: number, load: Load): AsyncGenerator<Figure> {
  await atRest(load.pid);
  using connections = await KeptConnections.open({ ...load, requests: load.requests.slice(0, pollsAtOnce) });
  await connections.settle();
  await connections.warm();
  for (const kind of ["same", "verified"] as const) {
    yield* renamed(connections.measured("polls.few", kind, comparedMs), kind, size);
    await connections.warm();
  }
}

async function* kept(size: number, load: Load, progress: (line: string) => void): AsyncGenerator<Figure> {
  using connections = await KeptConnections.open(load);
  await connections.warm();
  await atRest(load.pid);
  progress(`${size} nodes, ${connections.count} connections, at rest`);
  for (const kind of ["same", "verified"] as const) {
    yield* renamed(connections.measured("polls.kept", kind), kind, size);
    // What the other kind left behind is not what this one finds.
    await connections.warm();
  }
  const { rssBytes } = await processUsage(load.pid);
  yield {
    name: `controller.rss.${size}`,
    value: round(rssBytes / 2 ** 20, 0),
    unit: "MiB",
    ...(size <= connectedMax && { budget: 2048 }),
    note: `${connections.count} connected`,
  };
  if (size === 1) yield await bytesOfOne(load);
}

/** `polls.kept.same.cpu` becomes `polls.kept.same.1000.cpu`. */
async function* renamed(
  figures: AsyncGenerator<Figure>,
  kind: PollKind,
  size: number,
): AsyncGenerator<Figure> {
  for await (const figure of figures) {
    yield { ...figure, name: figure.name.replace(`.${kind}`, `.${kind}.${size}`) };
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
  const count = Math.min(load.requests.length, anewMax);
  progress(`${count} of ${size} nodes connect anew each time`);
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
  for (let index = 0; index < count; index++) await resumed(index);
  [all, again] = [0, 0];
  yield* measured(`polls.resumed.${size}`, count, load.pid, resumed);
  yield {
    name: `polls.resumed.${size}.share`,
    value: round((100 * again) / all, 1),
    unit: "%",
    note: "resumed in fact",
  };
  yield* measured(`polls.full.${size}`, count, load.pid, (index) => poll(index, undefined));
}
