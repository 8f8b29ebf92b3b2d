import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { hours, instant, minutes, seconds } from "@selvedge/base";
import { config, ext, getExtension, info } from "@selvedge/eve-api";
import type { AppId, ContentId, VolumeKey } from "../src/desired.ts";
import type { AppStatus, ContentStatus } from "../src/observed.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

const app = "22222222-2222-4222-8222-222222222222" as AppId;
const content = "33333333-3333-4333-8333-333333333333" as ContentId;
const volume = "44444444-4444-4444-8444-444444444444";
const { ZSwState } = info;

function status(state: AppStatus["state"], report: Partial<ext.AppReport> = {}): AppStatus {
  const whole = create(ext.AppReportSchema, { phase: "Pending", observedVersion: "7" });
  const full = { ...whole, ...report } as ext.AppReport;
  return { id: app, displayName: "shop/web", state, report: full, volumes: [], errors: [] };
}

async function accepted(world: ControlWorld): Promise<RunningEngine> {
  world.gateway.config = create(config.EdgeDevConfigSchema, {
    id: { uuid: nodeId },
    datastores: [{ id: "d", dType: 5, fqdn: "docker://r" }],
    contentInfo: [{ uuid: content, URL: "web:1", iformat: 8, dsIdsList: ["d"] }],
    volumes: [{ uuid: volume, origin: { type: 2, downloadContentTreeID: content } }],
  });
  const engine = await world.engine();
  await world.until("accepted", () => engine.store.desired.get() !== undefined);
  await world.clock.pass(seconds(30));
  return engine;
}

type Content = info.ZInfoMsg["InfoContent"];
type Case = NonNullable<Content["case"]>;
type ValueOf<C extends Case> = Extract<Content, { case: C; value: unknown }>["value"];

function told<C extends Case>(world: ControlWorld, kind: C): ValueOf<C>[] {
  return world.gateway.infos.flatMap(({ InfoContent }) =>
    InfoContent.case === kind ? [InfoContent.value as ValueOf<C>] : [],
  );
}

const states: readonly (readonly [AppStatus["state"], number])[] = [
  ["init", ZSwState.INITIAL],
  ["downloading", ZSwState.DOWNLOAD_STARTED],
  ["booting", ZSwState.BOOTING],
  ["running", ZSwState.RUNNING],
  ["halting", ZSwState.HALTING],
  ["halted", ZSwState.HALTED],
  ["error", ZSwState.ERROR],
];

describe("what is told of an app", () => {
  for (const [state, expected] of states)
    it(`${state} is EVE's state ${expected}, with our report beside it`, async () => {
      const world = new ControlWorld();
      await using engine = await accepted(world);
      engine.store.apps.set(app, status(state, { message: "because" }));
      await world.clock.pass(seconds(1));
      const [found] = told(world, "ainfo").slice(-1);
      assert.equal(found?.state, expected);
      assert.equal(found?.AppID, app);
      assert.equal(found?.appVersion, "7");
      assert.equal(found?.appErr[0]?.description, state === "error" ? "because" : undefined);
      assert.equal(found && getExtension(found, ext.AppReportSchema)?.message, "because");
    });

  it("is the newest only, however often it changed while the controller was away", async () => {
    const world = new ControlWorld();
    await using engine = await accepted(world);
    world.gateway.online = false;
    for (let restart = 0; restart < 100; restart++) {
      engine.store.apps.set(app, status("running", { message: `restart ${restart}` }));
      await world.clock.pass(seconds(5));
    }
    world.gateway.online = true;
    await world.clock.pass(hours(1));
    assert.deepEqual(
      told(world, "ainfo").map((found) => getExtension(found, ext.AppReportSchema)?.message),
      ["restart 99"],
    );
  });

  it("is not tried again and again while nobody answers: the poll finds out when somebody does", async () => {
    const world = new ControlWorld();
    await using engine = await accepted(world);
    const { gateway } = world;
    gateway.online = false;
    const tries = (name: string): number => gateway.vain.filter((call) => call === name).length;
    for (let hour = 0; hour < 24; hour++) {
      engine.store.apps.set(app, status("running", { message: `hour ${hour}` }));
      await world.clock.pass(hours(1));
    }
    assert.ok(tries("config") > 24 * 60, "the poll goes on");
    assert.ok(tries("info") < 24 * 6 * 4, `${tries("info")} reports in vain`);
    assert.ok(tries("metrics") <= 3 && tries("newlogs") <= 3, "nothing else is made and signed for nobody");
    gateway.online = true;
    await world.clock.pass(minutes(2));
    const [found] = told(world, "ainfo").slice(-1);
    assert.equal(found && getExtension(found, ext.AppReportSchema)?.message, "hour 23");
  });

  it("ends with its id alone, and the node's list of apps", async () => {
    const world = new ControlWorld();
    await using engine = await accepted(world);
    engine.store.apps.set(app, status("running"));
    await world.clock.pass(seconds(5));
    const lists = (): (readonly string[] | undefined)[] =>
      told(world, "dinfo").map((device) => getExtension(device, ext.NodeReportSchema)?.appIds);
    assert.deepEqual(lists().at(-1), [app]);
    engine.store.apps.delete(app);
    await world.clock.pass(seconds(5));
    const [gone] = told(world, "ainfo").slice(-1);
    assert.deepEqual([gone?.AppID, gone?.state, gone?.AppName], [app, ZSwState.INVALID, ""]);
    assert.deepEqual(lists().at(-1), []);
  });
});

describe("what is told of content", () => {
  it("moves in steps while it comes, and carries the volume that is made of it", async () => {
    const world = new ControlWorld();
    await using engine = await accepted(world);
    const before = told(world, "cinfo").length;
    for (let bytes = 0; bytes <= 1000; bytes++) {
      engine.store.contents.set(content, { phase: "downloading", bytes, total: 1000 });
      await world.clock.pass(seconds(0.1));
    }
    const during = told(world, "cinfo").slice(before);
    assert.ok(during.length > 3 && during.length <= 12, `${during.length}`);
    const ready: ContentStatus = {
      ...{ phase: "ready", path: "p", digest: "sha256:ab", imageId: "web@sha256:ab", sizeBytes: 7 },
      ...{ config: undefined, components: [{ hash: "ab", bytes: 5 }] },
    };
    engine.store.contents.set(content, ready);
    await world.clock.pass(seconds(10));
    const tree = told(world, "cinfo").at(-1);
    assert.deepEqual(
      [tree?.state, tree?.usage?.refCount, tree?.componentShaList],
      [ZSwState.DELIVERED, 1, ["ab"]],
    );
    const [blob] = told(world, "binfo").at(-1)?.blob ?? [];
    assert.deepEqual([blob?.sha256, blob?.state, blob?.usage?.refCount], ["ab", ZSwState.LOADED, 1]);
    assert.equal(told(world, "vinfo").at(-1)?.state, ZSwState.CREATING_VOLUME);
    const [createdAt, users] = [instant(5000), { count: 1, since: instant(6000) }];
    engine.store.volumes.set(`${volume}#0` as VolumeKey, {
      ...{
        phase: "ready",
        path: "v",
        sealed: true,
        filesystem: true,
        maxBytes: 100,
        usedBytes: 9,
        createdAt,
        users,
      },
    });
    await world.clock.pass(seconds(10));
    const made = told(world, "vinfo").at(-1);
    assert.equal(made?.state, ZSwState.CREATED_VOLUME);
    assert.deepEqual([made?.resources?.maxSizeBytes, made?.resources?.curSizeBytes], [100n, 9n]);
    assert.deepEqual([made?.usage?.refCount, made?.usage?.createTime?.seconds], [1, 5n]);
    const [device] = told(world, "dinfo").slice(-1);
    const images = device && getExtension(device, ext.NodeReportSchema)?.images;
    assert.deepEqual(
      images?.map(({ names, sizeBytes }) => [names, sizeBytes]),
      [[["web@sha256:ab"], 7n]],
    );
  });

  it("names what failed", async () => {
    const world = new ControlWorld();
    await using engine = await accepted(world);
    engine.store.contents.set(content, {
      ...{ phase: "failed", reason: "ErrImagePull", message: "no such tag", failures: 1 },
      retryAt: instant(0),
    });
    await world.clock.pass(seconds(10));
    assert.equal(told(world, "cinfo").at(-1)?.err?.description, "ErrImagePull: no such tag");
    assert.equal(told(world, "vinfo").at(-1)?.state, ZSwState.ERROR);
  });
});
