/**
 * What nodes say of themselves and their apps, turned into objects: whatever it is, it must not be sent for
 * ever.
 */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { formatMetrics, type SeededRandom } from "@selvedge/base";
import { ExtensionError, ext, flowlog, hardwareHealth, info, metrics, setExtension } from "@selvedge/eve-api";
import { type Pod, podKind } from "@selvedge/kinds";
import { FleetFigures } from "../../packages/controller/src/telemetry/figures/fleet-figures.ts";
import { toldMessage } from "../../packages/controller/src/telemetry/otlp-messages.ts";
import { ObjectWorld } from "../../packages/controller/test/object-world.ts";
import { randomMessage } from "../interop/eve-schema/random-message.ts";
import { fuzz } from "./fuzz.ts";

let world: ObjectWorld;
let node: string;
let pod: string;
let figures: FleetFigures;

before(async () => {
  world = await ObjectWorld.start();
  node = (await world.addNode("box")).id;
  const made = await world.create<Pod>(podKind, {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "default" } },
    spec: { nodeName: "box", containers: [{ name: "web", image: "registry.example/web:1" }] },
  });
  pod = made.metadata.uid ?? "";
  await world.settle();
  const { caches, usages, states } = world.running;
  figures = new FleetFigures({ caches, usages, clock: world.clock, said: (id) => states.figures(id) });
});
after(() => world[Symbol.asyncDispose]());

/** Of any content, as the gateway would have it from the wire. */
function any<Desc extends DescMessage>(schema: Desc, random: SeededRandom): MessageShape<Desc> {
  const message = randomMessage(schema, { random, likely: random.next(), leaveOut: () => false });
  return fromBinary(schema, toBinary(schema, message as MessageShape<Desc>));
}

const options = { cases: 2000, declared: [ExtensionError] };

describe("reports", () => {
  fuzz("of a device are taken", options, async (random) => {
    const message = any(info.ZInfoMsgSchema, random);
    const value = any(info.ZInfoDeviceSchema, random);
    if (random.next() < 0.5) setExtension(value, ext.NodeReportSchema, any(ext.NodeReportSchema, random));
    await world.running.reports.info(node, { ...message, InfoContent: { case: "dinfo", value } });
  });

  fuzz("of an app are taken", options, async (random) => {
    const message = any(info.ZInfoMsgSchema, random);
    const value = { ...any(info.ZInfoAppSchema, random), AppID: pod };
    if (random.next() < 0.5) setExtension(value, ext.AppReportSchema, any(ext.AppReportSchema, random));
    await world.running.reports.info(node, { ...message, InfoContent: { case: "ainfo", value } });
  });

  fuzz("of anything else are taken", options, async (random) => {
    await world.running.reports.info(node, any(info.ZInfoMsgSchema, random));
  });

  fuzz("of figures are taken", options, async (random) => {
    const message = any(metrics.ZMetricMsgSchema, random);
    for (const metric of message.am) {
      if (random.next() < 0.5) metric.AppID = pod;
      if (random.next() < 0.5) setExtension(metric, ext.AppUsageSchema, any(ext.AppUsageSchema, random));
    }
    await world.running.reports.metrics(node, message, toBinary(metrics.ZMetricMsgSchema, message));
    // Whatever a node says, it does not spoil the page of all.
    formatMetrics(figures.families());
    const { caches } = world.running;
    const told = caches.edgeNodes.list().flatMap((edgeNode) => figures.of(edgeNode, "whole"));
    assert.doesNotMatch(JSON.stringify(toldMessage(told, () => ({}))), /null|\\ud[89a-f]/);
  });

  fuzz("of flows and of hardware are taken", options, async (random) => {
    await world.running.reports.flows(node, any(flowlog.FlowMessageSchema, random));
    await world.running.reports.hardwareHealth(node, any(hardwareHealth.ZHardwareHealthSchema, random));
  });

  after(async () => {
    await world.settle();
    const failed = world.warnings.filter(({ level }) => level === "error");
    assert.deepEqual(
      failed.map(({ message }) => message),
      [],
    );
  });
});
