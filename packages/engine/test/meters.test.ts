/** What a node measures of itself reaches its controller. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { hours, instant, minutes } from "@selvedge/base";
import { cipher, config, type metrics } from "@selvedge/eve-api";
import { volumeKey } from "../src/desired.ts";
import { ControlWorld } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

it("metrics count the conversation, the logs, the secrets, the disk and the volumes", async () => {
  const world = new ControlWorld();
  world.gateway.config = create(config.EdgeDevConfigSchema, { id: { uuid: nodeId } });
  await using engine = await world.engine();
  await world.until("accepted", () => engine.store.desired.get() !== undefined);
  const id = "44444444-4444-4444-8444-444444444444";
  engine.store.volumes.set(volumeKey({ id: id as never, generation: 2 }), {
    ...{ phase: "ready", path: "p", sealed: false, filesystem: false, maxBytes: 2 ** 30, usedBytes: 2 ** 20 },
    ...{ createdAt: instant(0), users: { count: 0, since: instant(0) } },
  });
  await assert.rejects(engine.secrets.open(create(cipher.CipherBlockSchema)));
  world.gateway.online = false;
  await world.clock.pass(minutes(10));
  world.gateway.online = true;
  await world.clock.pass(minutes(30));
  const message = world.gateway.metrics.at(-1);
  const device = message?.MetricContent.value as metrics.deviceMetric;
  const [traffic] = device.zedcloud;
  assert.ok((traffic?.success ?? 0n) > 10n && (traffic?.failures ?? 0n) > 3n);
  const polls = traffic?.urlMetrics.find(({ url }) => url.endsWith("/config"));
  assert.ok((polls?.tryMsgCount ?? 0n) > (polls?.sentMsgCount ?? 0n));
  assert.ok((polls?.sentByteCount ?? 0n) > 0n && (polls?.recvByteCount ?? 0n) > 0n);
  assert.deepEqual([device.cipher[0]?.failureCount, device.cipher[0]?.successCount], [1n, 0n]);
  assert.ok((device.newlog?.deviceMetrics?.numInputEvent ?? 0n) > 3n);
  assert.ok((device.newlog?.deviceMetrics?.numGzipFileSent ?? 0n) > 0n);
  assert.equal(device.newlog?.deviceMetrics?.numGzipFileInDir, 0);
  assert.ok(device.lastReceivedConfig !== undefined && device.lastProcessedConfig !== undefined);
  assert.deepEqual([device.flowlog?.messages?.success, device.flowlog?.dnsRequests?.drops], [0n, 0n]);
  assert.equal(device.deviceMemory?.allocatedEveMB, 512);
  assert.equal(device.appRunTimeStorageMB, 1n);
  assert.deepEqual(
    message?.vm.map(({ uuid, totalBytes, usedBytes }) => [uuid, totalBytes, usedBytes]),
    [[id, 2n ** 30n, 2n ** 20n]],
  );
});

it("the health of the hardware is told at first, and twice a day", async () => {
  const world = new ControlWorld();
  const slow = ["timer.config.interval", "timer.metric.interval", "timer.deviceinfo.interval"];
  const configItems = slow.map((key) => ({ key, value: "3600" }));
  world.gateway.config = create(config.EdgeDevConfigSchema, { id: { uuid: nodeId }, configItems });
  await using engine = await world.engine();
  await world.until("accepted", () => engine.store.desired.get() !== undefined);
  await world.clock.pass(hours(25));
  const told = world.gateway.count("hardwarehealth");
  assert.ok(told === 3, `${told} times`);
});
