/** A Pod's volume of the node, on real machines: what one Pod writes the next one with the same claim reads. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { app as appApi, ext, setExtension } from "@selvedge/eve-api";
import type { AppId, DesiredState } from "../src/desired.ts";
import { AppWorld, bringContent, skip } from "./app-world.ts";
import { appInit, desired, ids, volume } from "./volume-world.ts";

const claim = volume(ids.data, 0n, { maxsizebytes: BigInt(96 * 2 ** 20) });

interface Mounting {
  readonly container: string;
  readonly script: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
  readonly user?: bigint;
}

/** A Pod whose containers all mount the claim on /data. */
function pod(id: AppId, volumeId: string, ...mountings: readonly Mounting[]): appApi.AppInstanceConfig {
  const item = create(
    appApi.AppInstanceConfigSchema,
    appInit({ uuidandversion: { uuid: id, version: "1" }, displayname: `shop/${id}` }),
  );
  const extension = create(ext.AppExtensionSchema, {
    name: "writer",
    containers: mountings.map(({ container, script, readOnly = false, subPath = "", user = 0n }) => ({
      ...{ name: container, image: "busybox", contentTreeId: ids.content },
      command: ["/bin/sh", "-c", `trap 'exit 0' TERM; ${script}; sleep 1000 & wait`],
      securityContext: { runAsUser: user },
      volumeMounts: [{ volume: "data", mountPath: "/data", readOnly, subPath }],
    })),
    volumes: [{ name: "data", source: { case: "nodeVolume", value: { volumeId } } }],
    restartPolicy: ext.RestartPolicy.ALWAYS,
    terminationGraceSeconds: 5,
  });
  setExtension(item, ext.AppExtensionSchema, extension);
  return item;
}

const wish = (...apps: readonly appApi.AppInstanceConfig[]): DesiredState => desired([claim], apps);

describe("a Pod's volume of the node", { skip, timeout: 600_000 }, () => {
  it("is mounted as each container says, is one Pod's at a time, and outlives the Pod", async () => {
    await using world = await AppWorld.open();
    bringContent(world, ids.content);
    const first = pod(
      ids.app,
      ids.data,
      { container: "main", script: "mkdir -p /data/sub; echo kept > /data/sub/file; echo wrote" },
      { container: "below", subPath: "sub", script: "until grep -s kept /data/file; do sleep 0.1; done" },
      { container: "reader", readOnly: true, script: "touch /data/x || echo refused" },
      { container: "guest", user: 101n, script: "touch /data/own && echo owned" },
    );
    const second = pod(ids.other, ids.data.toUpperCase(), {
      container: "main",
      script: 'echo "found $(cat /data/sub/file)"; ls /data/x || echo clean',
    });
    world.desire(wish(first));
    for (const line of [/main: wrote/, /below: kept/, /reader: refused/, /guest: owned/])
      await world.untilLog(ids.app, line);

    world.desire(wish(second, first));
    const held = await world.until(ids.other, (it) => it?.report.reason === "VolumeInUse");
    assert.match(held?.report.message ?? "", new RegExp(`volume ${ids.data} is still app ${ids.app}'s`));

    world.desire(wish(second));
    await world.until(ids.app, (it) => it === undefined);
    await world.until(ids.other, (it) => it?.report.phase === "Running");
    await world.untilLog(ids.other, /main: found kept/);
    await world.untilLog(ids.other, /main: clean/);
    world.desire(desired([], []));
    await world.until(ids.other, (it) => it === undefined);
  });

  it("is waited for, and its fault is the Pod's", async () => {
    await using world = await AppWorld.open();
    bringContent(world, ids.content);
    world.desire(
      desired([volume(ids.data, 0n)], [pod(ids.app, ids.data, { container: "main", script: ":" })]),
    );
    const failed = await world.until(ids.app, (it) => it?.report.reason === "BadVolume");
    assert.match(failed?.report.message ?? "", /volume .*: a blank volume needs maxsizebytes/);
    assert.equal(failed?.report.phase, "Pending");
  });
});
