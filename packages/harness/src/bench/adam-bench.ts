import { cp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { millis, SystemClock, sleep } from "@selvedge/base";
import { toPem } from "@selvedge/engine";
import { config } from "@selvedge/eve-api";
import { type Exchange, makeOnboarding, WireNode } from "../wire/wire-node.ts";
import { AdamServer, adamMissing } from "./adam-server.ts";
import { type Bench, type Figure, round } from "./bench.ts";
import { atRest, exchangeOver, KeptConnections, type Load, requestsOf } from "./poll-load.ts";
import { copiesOf, RegisteredFleet } from "./registered-fleet.ts";

/** With how many times Adam's polls a second we mean to answer. */
const sizes: readonly (readonly [nodes: number, times: number])[] = [
  [1000, 3],
  [10_000, 15],
];
const clock = new SystemClock();
const pause = millis(100);
/** What the copies are made of. */
const template = "load-0";
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
    const theirTarget = { host, port: adamPort, ca: adam.root };
    const first = await WireNode.make(template, clock.now());
    const agent = new Agent({ ca: adam.root });
    const exchange = configuring(adam)(exchangeOver(agent, theirTarget));
    await first.enrol(exchange, onboarding, () => sleep(clock, pause));
    agent.destroy();
    for (const [size, times] of sizes) {
      const devices = copiesOf(first, template, size);
      await adam.restart((folder) => multiply(folder, first.id, devices));
      const their: Load = {
        ...{ target: theirTarget, pid: adam.pid },
        requests: devices.map((node) => requestsOf(node, size, host)),
      };
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

/** Where Adam writes down a device's requests; and a folder in which nobody can make a file. */
const [requests, nowhere] = ["requests", "/proc"];

/**
 * What Adam has of a device is a folder: each copy gets one, with its own certificate in it. Its requests are written
 * down nowhere: Adam would keep a file open for each device, which with as many connections is more than a program
 * may have open, and then answers 500. It counts for Adam, as it has less to do.
 */
async function multiply(folder: string, from: string, devices: readonly WireNode[]): Promise<void> {
  for (const name of await readdir(folder))
    if (name !== from) await rm(join(folder, name), { recursive: true });
  await rm(join(folder, from, requests), { recursive: true, force: true });
  for (const { id, identity } of devices) {
    await cp(join(folder, from), join(folder, id), { recursive: true });
    await writeFile(join(folder, id, "device-certificate.pem"), toPem(identity.der));
    await symlink(nowhere, join(folder, id, requests));
  }
}

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
