import { Agent, request } from "node:https";
import { millis, SystemClock, sleep } from "@selvedge/base";
import { type EnrollmentProfile, enrollmentProfileKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { PollConnection, type PollTarget, rawRequest } from "../wire/poll-connection.ts";
import { type Exchange, makeOnboarding, type Onboarding, WireNode } from "../wire/wire-node.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
const sizes = [1, 1000, 10_000];
/** The controller bounds what one address may be refused; a fleet comes from many, and so do we. */
const addresses = 16;
const enrolAtOnce = 8 * addresses;
const enrolPause = millis(1000);
/**
 * Polls on their way at one time: enough to keep the controller busy, few enough to measure its time and
 * not a queue.
 */
const pollsAtOnce = 32;
const measureMs = 5000;
const http304 = 304;

interface Load {
  readonly target: PollTarget;
  readonly pid: number;
  /**
   * Of each node: two signed requests with the same content, one of which may be as before and the other
   * never.
   */
  readonly requests: (readonly [Buffer, Buffer])[];
}

/** What a fleet at rest costs: every node asks whether something changed, and nothing did. */
export const pollsBench: Bench = {
  name: "polls",
  summary: "signed unchanged polls: 1, 1,000 and 10,000 nodes, kept connections and resumed ones",
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
      yield* resumed(size, load, progress);
    }
  },
};

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

async function enrolUpTo(
  size: number,
  { target, requests }: Load,
  onboarding: Onboarding,
  progress: (line: string) => void,
): Promise<void> {
  const agents = Array.from({ length: addresses }, (_, index) => {
    return new Agent({ keepAlive: true, ca: target.ca, localAddress: `127.0.1.${index + 1}` });
  });
  let next = requests.length;
  const worker = async (_: unknown, at: number): Promise<void> => {
    const exchange = exchangeOver(agents[at % addresses] as Agent, target);
    for (let index = next++; index < size; index = next++) {
      const node = await WireNode.make(`load-${index}`, clock.now());
      await node.enrol(exchange, onboarding, () => sleep(clock, enrolPause));
      const path = node.pollPath;
      const made = [
        rawRequest(target.host, path, node.pollBody()),
        rawRequest(target.host, path, node.pollBody()),
      ];
      requests[index] = made as unknown as [Buffer, Buffer];
      if (index % 1000 === 999) progress(`${index + 1} nodes enrolled`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(size, enrolAtOnce) }, worker));
  } finally {
    for (const agent of agents) agent.destroy();
  }
}

function exchangeOver(agent: Agent, { host, port }: PollTarget): Exchange {
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = { "content-type": "application/x-proto-binary", "content-length": body.length };
      const outgoing = request({ agent, host, port, method, path, headers }, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts) }));
      });
      outgoing.on("error", reject).end(body);
    });
}

async function* kept(size: number, load: Load, progress: (line: string) => void): AsyncGenerator<Figure> {
  progress(`${size} connections`);
  const connections: PollConnection[] = [];
  try {
    for (let index = 0; index < size; index++) connections.push(await PollConnection.open(load.target));
    const turn = new Map<number, number>();
    const cases = [
      ["same", (index: number) => load.requests[index]?.[0]],
      [
        "verified",
        (index: number) => {
          const next = (turn.get(index) ?? 0) ^ 1;
          turn.set(index, next);
          return load.requests[index]?.[next];
        },
      ],
    ] as const;
    for (const [kind, requestOf] of cases) {
      const poll = async (index: number): Promise<void> => {
        const status = await connections[index]?.poll(requestOf(index) ?? Buffer.alloc(0));
        if (status !== http304) throw new Error(`a poll was answered with ${status}`);
      };
      yield* measured(`polls.kept.${kind}.${size}`, size, load.pid, poll);
    }
    const { rssBytes } = await processUsage(load.pid);
    yield {
      name: `controller.rss.${size}`,
      value: round(rssBytes / 2 ** 20, 0),
      unit: "MiB",
      budget: 2048,
      note: `${size} nodes, all connected`,
    };
    if (size === 1) {
      const [connection] = connections;
      const before = connection?.bytes ?? 0;
      await connection?.poll(load.requests[0]?.[0] ?? Buffer.alloc(0));
      yield {
        name: "polls.bytes",
        value: (connection?.bytes ?? 0) - before,
        unit: "bytes",
        note: "one poll and its answer, with TLS",
      };
    }
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
}

async function* resumed(size: number, load: Load, progress: (line: string) => void): AsyncGenerator<Figure> {
  progress(`${size} nodes that connect anew each time`);
  const sessions = new Map<number, Buffer>();
  let [all, again] = [0, 0];
  const poll = async (index: number): Promise<void> => {
    using connection = await PollConnection.open(load.target, sessions.get(index));
    const status = await connection.poll(load.requests[index]?.[0] ?? Buffer.alloc(0));
    if (status !== http304) throw new Error(`a poll was answered with ${status}`);
    all++;
    if (connection.isResumed) again++;
    if (connection.session !== undefined) sessions.set(index, connection.session);
  };
  for (let index = 0; index < size; index++) await poll(index);
  [all, again] = [0, 0];
  yield* measured(`polls.resumed.${size}`, size, load.pid, poll);
  yield {
    name: `polls.resumed.${size}.share`,
    value: round((100 * again) / all, 1),
    unit: "%",
    note: "resumed in fact",
  };
}

/** Calls `poll` for every node in turn for a while. */
async function* measured(
  name: string,
  size: number,
  pid: number,
  poll: (index: number) => Promise<void>,
): AsyncGenerator<Figure> {
  const spans: number[] = [];
  const before = await processUsage(pid);
  const start = clock.monotonic();
  const workers = Math.min(size, pollsAtOnce);
  // Each worker has nodes of its own: one node does not poll twice at once.
  const worker = async (first: number): Promise<void> => {
    for (let index = first; clock.monotonic() - start < measureMs; ) {
      const began = clock.monotonic();
      await poll(index);
      spans.push(clock.monotonic() - began);
      index = index + workers < size ? index + workers : first;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, first) => worker(first)));
  const seconds = (clock.monotonic() - start) / 1000;
  const { cpuSeconds } = await processUsage(pid);
  yield { name, value: round(spans.length / seconds, 0), unit: "1/s", note: `${workers} at once` };
  yield { name: `${name}.p99`, value: round(quantile(spans, 0.99)), unit: "ms" };
  const cpu = ((cpuSeconds - before.cpuSeconds) / spans.length) * 1e6;
  yield { name: `${name}.cpu`, value: round(cpu, 0), unit: "µs", note: "of the controller, per poll" };
}
