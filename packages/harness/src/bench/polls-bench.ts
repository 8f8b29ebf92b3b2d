import { SystemClock } from "@selvedge/base";
import { type EnrollmentProfile, enrollmentProfileKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { PollConnection } from "../wire/poll-connection.ts";
import { makeOnboarding, type Onboarding } from "../wire/wire-node.ts";
import { type Bench, type Figure, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import {
  atRest,
  enrolUpTo,
  inTurns,
  KeptConnections,
  type Load,
  measured,
  type PollKind,
  PollMeter,
  pollsAtOnce,
  requestsOf,
} from "./poll-load.ts";
import { processUsage } from "./process-meter.ts";
import { RegisteredFleet } from "./registered-fleet.ts";

const clock = new SystemClock();
const [one, larger] = [1, [1000, 10_000, 100_000]];
/** Of a fleet; more sockets than that a machine does not have for both ends. */
const connectedMax = 10_000;
/** Who connects anew for each poll: what that costs does not depend on who else is there. */
const anewMax = 1000;
const enrolled = 500;
const http304 = 304;
/** How much more a poll may cost than in a fleet of one. */
const flat = 1.2;

/** What a fleet at rest costs: every node asks whether something changed, and nothing did. */
export const pollsBench: Bench = {
  name: "polls",
  summary: "signed unchanged polls at 1 to 100,000 nodes: kept, resumed and new connections",
  missing: () => undefined,
  async *run(progress) {
    await using fleet = await RegisteredFleet.make();
    const { controller, load } = await started(fleet, one, progress);
    await using _ = controller;
    yield* all(one, load, progress);
    for (const size of larger) {
      const many = await started(fleet, size, progress);
      await using _ = many.controller;
      yield* few(size, many.load, load);
      yield* all(size, many.load, progress);
    }
    yield await enrolling(progress);
  },
};

/** Every box with this onboarding certificate is let in. */
async function admitAll(client: KubeClient): Promise<Onboarding> {
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

async function started(
  fleet: RegisteredFleet,
  size: number,
  progress: (line: string) => void,
): Promise<{ readonly controller: ControllerProcess; readonly load: Load }> {
  const began = clock.monotonic();
  const { controller, nodes } = await fleet.start(size, Math.min(size, connectedMax));
  progress(`${size} nodes, after ${round((clock.monotonic() - began) / 1000, 0)} s`);
  const target = await controller.deviceTarget();
  const requests = nodes.map((node) => requestsOf(node, nodes.length, target.host));
  return { controller, load: { target, pid: controller.pid, requests } };
}

async function* all(size: number, load: Load, progress: (line: string) => void): AsyncGenerator<Figure> {
  yield* kept(size, load, progress);
  yield* anew(size, load, progress);
}

/**
 * The same few connections to a controller of many nodes and to that of one, in turns: what differs is only how many
 * nodes there are.
 */
async function* few(size: number, many: Load, ofOne: Load): AsyncGenerator<Figure> {
  await atRest(many.pid);
  const requests = many.requests.slice(0, pollsAtOnce);
  using connections = await KeptConnections.open({ ...many, requests });
  using beside = await KeptConnections.open(ofOne);
  await connections.settle();
  await beside.settle();
  for (const kind of ["same", "verified"] as const) {
    const [meter, meterOfOne] = [new PollMeter(many.pid), new PollMeter(ofOne.pid)];
    await inTurns(
      [
        [beside, meterOfOne],
        [connections, meter],
      ],
      kind,
    );
    yield* meter.figures(`polls.few.${kind}.${size}`);
    const value = round(meter.cpu / meterOfOne.cpu);
    const note = `CPU beside ${round(meterOfOne.cpu, 0)} µs in a fleet of one, measured in turns`;
    yield { name: `polls.few.${kind}.${size}.flat`, value, unit: "times", budget: flat, note };
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
