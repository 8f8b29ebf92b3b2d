import { create, toBinary } from "@bufbuild/protobuf";
import { SystemClock } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { type Exchange, makeOnboarding } from "../wire/wire-node.ts";
import { AdamServer, adamMissing } from "./adam-server.ts";
import { type Bench, type Figure, round } from "./bench.ts";
import { atRest, enrolUpTo, KeptConnections, type Load, requestsOf } from "./poll-load.ts";
import { RegisteredFleet } from "./registered-fleet.ts";

/** With how many times Adam's polls a second we mean to answer. */
const sizes: readonly (readonly [nodes: number, times: number])[] = [
  [1000, 3],
  [10_000, 15],
];
const clock = new SystemClock();
const host = "127.0.0.1";
const adamPort = 43_210;

/** The same nodes, the same polls, one after the other in one run: what is compared is the ratio. */
export const adamBench: Bench = {
  name: "adam",
  summary: "unchanged polls beside Adam's, over kept connections: 1,000 and 10,000 nodes",
  missing: adamMissing,
  async *run(progress) {
    const onboarding = await makeOnboarding("load", clock.now());
    await using fleet = await RegisteredFleet.make();
    await using adam = await AdamServer.start(adamPort);
    await adam.onboard(onboarding.certificatePem);
    const their: Load = { target: { host, port: adamPort, ca: adam.root }, pid: adam.pid, requests: [] };
    for (const [size, times] of sizes) {
      await enrolUpTo(size, their, onboarding, (line) => progress(`Adam: ${line}`), configuring(adam));
      const { controller, nodes } = await fleet.start(size, size);
      await using _ = controller;
      const target = await controller.deviceTarget();
      const requests = nodes.map((node) => requestsOf(node, size, target.host));
      const our: Load = { target, pid: controller.pid, requests };
      const figures = new Map<string, number>();
      for (const [name, load] of [["ours", our] as const, ["adam", their] as const]) {
        using connections = await KeptConnections.open(load);
        await connections.warm();
        await atRest(load.pid);
        progress(`${name}: ${connections.count} connections, at rest`);
        for (const kind of ["same", "verified"] as const) {
          for await (const figure of connections.measured(`${name}.${size}`, kind)) {
            if (figure.unit === "1/s") figures.set(`${name}.${kind}`, figure.value);
            if (figure.unit === "µs") figures.set(`${name}.${kind}.cpu`, figure.value);
            yield figure;
          }
        }
      }
      for (const kind of ["same", "verified"]) yield* ratios(kind, size, times, figures);
    }
  },
};

function* ratios(
  kind: string,
  size: number,
  times: number,
  figures: ReadonlyMap<string, number>,
): Generator<Figure> {
  const of = (name: string): number => figures.get(name) ?? Number.NaN;
  const name = `ratio.${size}.${kind}`;
  const polls = of(`ours.${kind}`) / of(`adam.${kind}`);
  yield { name, value: round(polls, 1), unit: "times", note: `polls a second; the goal is ${times}` };
  // Adam uses all processors, ours one; and this hardly depends on who else is busy.
  const cpu = of(`adam.${kind}.cpu`) / of(`ours.${kind}.cpu`);
  yield { name: `${name}.cpu`, value: round(cpu, 1), unit: "times", note: "less processor time a poll" };
}

/** Adam has no configuration for a node before its administrator gives one. */
function configuring(adam: AdamServer): (exchange: Exchange) => Exchange {
  const known = new Set<string>();
  return (exchange) => async (method, path, body) => {
    const node = /\/id\/([^/]+)\/config$/.exec(path)?.[1];
    if (node !== undefined && !known.has(node)) {
      known.add(node);
      const made = create(config.EdgeDevConfigSchema, { id: { uuid: node, version: "1" } });
      await adam.configure(node, toBinary(config.EdgeDevConfigSchema, made));
    }
    return await exchange(method, path, body);
  };
}
