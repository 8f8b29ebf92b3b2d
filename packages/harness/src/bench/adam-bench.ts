import { create, toBinary } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import type { Exchange } from "../wire/wire-node.ts";
import { AdamServer, adamMissing } from "./adam-server.ts";
import { type Bench, type Figure, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import { enrolUpTo, KeptConnections, type Load } from "./poll-load.ts";
import { admitAll } from "./polls-bench.ts";

/** With how many times Adam's polls a second we mean to answer. */
const sizes: readonly (readonly [nodes: number, times: number])[] = [
  [1000, 3],
  [10_000, 15],
];
const host = "127.0.0.1";
const adamPort = 43_210;

/** The same nodes, the same polls, one after the other in one run: what is compared is the ratio. */
export const adamBench: Bench = {
  name: "adam",
  summary: "unchanged polls beside Adam's, over kept connections: 1,000 and 10,000 nodes",
  missing: adamMissing,
  async *run(progress) {
    await using controller = await ControllerProcess.start();
    using client = await controller.client();
    const ours = await admitAll(client);
    const port = Number(/\d+$/.exec(controller.deviceAddress)?.[0]);
    const our: Load = { target: { host, port, ca: client.ca }, pid: controller.pid, requests: [] };
    await using adam = await AdamServer.start(adamPort);
    await adam.onboard(ours.certificatePem);
    const their: Load = {
      target: { host, port: adamPort, ca: adam.root },
      pid: adam.pid,
      requests: [],
    };
    for (const [size, times] of sizes) {
      await enrolUpTo(size, our, ours, (line) => progress(`ours: ${line}`));
      await enrolUpTo(size, their, ours, (line) => progress(`Adam: ${line}`), configuring(adam));
      const figures = new Map<string, number>();
      for (const [name, load] of [["ours", our] as const, ["adam", their] as const]) {
        using connections = await KeptConnections.open(load);
        await connections.warm();
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
