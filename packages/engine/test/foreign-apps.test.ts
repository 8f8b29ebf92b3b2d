import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import { refuseChange } from "../src/app/change-rules.ts";
import { machineFingerprint } from "../src/app/container-config.ts";
import { appInfo } from "../src/control/report/info-messages.ts";
import { neededVolumes, volumeUses } from "../src/desired.ts";
import { appInit, desired, diskVolume, ids, imageVolume, volume } from "./volume-world.ts";

const root = { uuid: ids.root, mountDir: "/" };
const blank = volume(ids.data, 0n, { maxsizebytes: 4096n });

describe("an app of EVE's own fields", () => {
  it("is a virtual machine when it starts from a disk, with the firmware of its mode", () => {
    for (const [mode, firmware, devices] of [
      [0, "bios", "virtio"],
      [1, "bios", "virtio"],
      [3, "uefi", "virtio"],
      [5, "bios", "legacy"],
    ]) {
      const fixedresources = { memory: 65_536, vcpus: 1, virtualizationMode: mode };
      const [app] = desired(
        [diskVolume(ids.root, 0n), blank],
        [appInit({ fixedresources, volumeRefList: [root, { uuid: ids.data }] } as never)],
      ).apps;
      assert.deepEqual(app?.foreign?.vm, { firmware, devices, screen: undefined });
      assert.deepEqual(
        app?.foreign?.volumes.map(({ form }) => form),
        ["disk", "blank"],
      );
      assert.equal(app?.hindrance, undefined);
    }
  });

  it("waits for the files it fetches, and has no disks of them", () => {
    const file = diskVolume(ids.data, 0n, { target: 5 });
    for (const start of [diskVolume(ids.root, 0n), imageVolume(ids.root, 0n)]) {
      const [app] = desired(
        [start, file],
        [appInit({ volumeRefList: [{ uuid: ids.data, mountDir: "/x" }, root] } as never)],
      ).apps;
      assert.ok(app);
      assert.equal(app.hindrance, undefined);
      assert.deepEqual(
        volumeUses(app).map(({ name, volumeId }) => [name, volumeId]),
        [["volume-0", ids.root]],
      );
      assert.deepEqual(
        neededVolumes(app).map(({ volumeId, form, readOnly }) => [volumeId, form === "file", readOnly]),
        [
          [ids.root, false, false],
          [ids.data, true, true],
        ],
      );
      assert.deepEqual(
        [app.pod.containers[0]?.volumeMounts, app.pod.volumes.length],
        [[], app.foreign?.vm === undefined ? 1 : 0],
      );
    }
  });

  it("has a screen as its configuration says", () => {
    const screenOf = (more: object) => {
      const fixedresources = { memory: 65_536, vcpus: 1, virtualizationMode: 1, ...more };
      const ask = appInit({ fixedresources, volumeRefList: [root] } as never);
      const { screen, screenPassword } =
        desired([diskVolume(ids.root, 0n)], [ask]).apps[0]?.foreign?.vm ?? {};
      return [screen, screenPassword];
    };
    assert.deepEqual(screenOf({ vncDisplay: 3, vncPasswd: "s3cret" }), [undefined, undefined]);
    assert.deepEqual(screenOf({ enableVnc: true, vncDisplay: 3 }), [3, undefined]);
    assert.deepEqual(screenOf({ enableVnc: true, vncPasswd: "s3cret" }), [0, "s3cret"]);
  });

  it("installs itself from a second volume onto a blank first one", () => {
    const [app] = desired(
      [blank, diskVolume(ids.root, 0n)],
      [appInit({ volumeRefList: [{ uuid: ids.data }, { uuid: ids.root }] })],
    ).apps;
    assert.notEqual(app?.foreign?.vm, undefined);
    assert.equal(app?.pod.containers[0]?.contentTreeId, ids.disk);
  });

  const resources = { memory: 65_536, vcpus: 1 };
  const refused: [string, object, object, string, RegExp][] = [
    [
      ...(["a device on an old machine", {}] as const),
      { adapters: [{ name: "gpu0" }], fixedresources: { ...resources, virtualizationMode: 5 } },
      ...(["UnsupportedAdapters", /LEGACY/] as const),
    ],
    ["the node's own rights", {}, { service: true }, "UnsupportedService", /service/],
    [
      ...(["a disk without a hypervisor", {}] as const),
      { fixedresources: { ...resources, virtualizationMode: 4 } },
      ...(["UnsupportedMode", /NOHYPER starts no disk/] as const),
    ],
    ["nothing but a file to fetch", { target: 5 }, {}, "UnsupportedVolume", /nothing to start from/],
    ["what no EVE has", { target: 9 }, {}, "UnsupportedVolume", /target 9 is not known/],
    [
      ...(["a kernel of the box", {}] as const),
      { fixedresources: { ...resources, kernel: "/hostfs/boot/kernel" } },
      ...(["UnsupportedKernel", /fixedresources.kernel: .*leave it empty/] as const),
    ],
    [
      ...(["another firmware", {}] as const),
      { fixedresources: { ...resources, bootloader: "/usr/lib/xen/boot/ovmf.bin" } },
      ...(["UnsupportedKernel", /fixedresources.bootloader: .*boot_mode/] as const),
    ],
  ];
  for (const [name, volumeMore, appMore, reason, why] of refused)
    it(`waits, and says so, when it asks for ${name}`, () => {
      const [app] = desired(
        [diskVolume(ids.root, 0n, volumeMore)],
        [appInit({ volumeRefList: [root], ...appMore })],
      ).apps;
      assert.equal(app?.hindrance?.reason, reason);
      assert.match(app?.hindrance?.message ?? "", why);
    });

  it("waits for ever for an image that it is to fetch, which is no file", () => {
    const volumes = [diskVolume(ids.root, 0n), imageVolume(ids.data, 0n, { target: 5 })];
    const [app] = desired(volumes, [appInit({ volumeRefList: [root, { uuid: ids.data }] } as never)]).apps;
    assert.match(app?.hindrance?.message ?? "", /target AppCustom \(5\).* one file/);
  });

  it("takes as little notice as EVE of what is said of disks and loaders", () => {
    for (const target of [0, 1, 2, 3, 4]) {
      const fixedresources = {
        ...resources,
        bootloader: "/usr/bin/pygrub",
        rootdev: "/dev/xvda1",
        maxmem: 9,
      };
      const ask = appInit({ volumeRefList: [root], fixedresources } as never);
      assert.equal(desired([diskVolume(ids.root, 0n, { target })], [ask]).apps[0]?.hindrance, undefined);
    }
  });

  it("is a container whatever EVE starts containers with, and no other kernel", () => {
    const evesOwn = { kernel: "/hostfs/boot/kernel", extraargs: "console=hvc0 root=9p dhcp=1" };
    for (const [more, why] of [
      [evesOwn, undefined],
      [{ extraargs: "hugepages=9" }, /extraargs: a container is started by this node's own kernel/],
    ] as const) {
      const ask = appInit({ volumeRefList: [root], fixedresources: { ...resources, ...more } } as never);
      const { message } = desired([imageVolume(ids.root, 0n)], [ask]).apps[0]?.hindrance ?? {};
      if (why === undefined) assert.equal(message, undefined);
      else assert.match(message ?? "", why);
    }
  });

  it("asks for processors of its own and for what its machine may have, which takes a restart", () => {
    const ask = (more: object) =>
      appInit({ volumeRefList: [root], fixedresources: { ...resources, ...more } } as never);
    const [plain, pinned] = [{}, { pinCpu: true, vmmMaxmem: 2048 }].map(
      (more) => desired([diskVolume(ids.root, 0n)], [ask(more)]).apps[0],
    );
    assert.deepEqual([plain?.ownProcessors, plain?.besideBytes], [undefined, undefined]);
    assert.deepEqual([pinned?.ownProcessors, pinned?.besideBytes], [true, 2 ** 21]);
    assert.ok(plain !== undefined && pinned !== undefined);
    assert.match(refuseChange(plain, pinned) ?? "", /Need restart/);
    assert.notEqual(machineFingerprint(plain), machineFingerprint(pinned));
  });

  const other = (more: object) =>
    appInit({ uuidandversion: { uuid: ids.other, version: "1" }, volumeRefList: [root], ...more });
  it("shares a volume only when both just read it, or one of them is off", () => {
    const hindrances = (readonly: boolean, more: object = {}) =>
      desired(
        [imageVolume(ids.root, 0n, { readonly })],
        [appInit({ volumeRefList: [root] }), other(more)],
      ).apps.map(({ hindrance }) => hindrance?.reason);
    assert.deepEqual(hindrances(false), [undefined, "VolumeInUse"]);
    assert.deepEqual(hindrances(true), [undefined, undefined]);
    assert.deepEqual(hindrances(false, { activate: false }), [undefined, undefined]);
  });

  it("asks for snapshots, which is no change of it, and its controller is told of those there are", () => {
    const wished = {
      snapshots: [{ id: "s-1", type: 1 }, { id: "s-2", type: 2 }, { id: "s-3" }],
      ...{ maxSnapshots: 2, activeSnapshot: "s-1", rollbackCmd: { counter: 4 } },
    };
    const ask = (more: object) =>
      desired([imageVolume(ids.root, 0n)], [appInit({ volumeRefList: [root], ...more } as never)]).apps[0];
    const app = ask({ snapshot: wished });
    assert.equal(app?.revision, ask({})?.revision);
    assert.deepEqual(app?.snapshots, {
      named: [
        { id: "s-1", kind: "update" },
        { id: "s-2", kind: "now" },
        { id: "s-3", kind: "unknown" },
      ],
      ...{ most: 2, target: "s-1", counter: 4 },
    });
    const one = (id: string, state: string, message = "") => ({
      ...{ id, kind: "update", state, message, at: 5000, version: "1", written: [] },
    });
    const snapshots = [one("s-1", "kept"), one("s-2", "due"), one("s-3", "failed", "the disk is full")];
    const report = create(ext.AppReportSchema, {});
    const about = { id: ids.app, displayName: "a", state: "running", report, volumes: [], errors: [] };
    const open = ["v-1#0", "v-2#3"];
    const { InfoContent } = appInfo("node", { ...about, snapshots, open } as never, app, []);
    assert(InfoContent.case === "ainfo");
    assert.deepEqual(InfoContent.value.volumeRefs, ["v-1", "v-2"]);
    assert.deepEqual(
      InfoContent.value.snapshots.map((it) => [
        ...[it.id, it.type, it.configId, it.configVersion, it.createTime?.seconds, it.snapErr?.description],
      ]),
      [
        ["s-1", 1, ids.app, "1", 5n, undefined],
        ["s-3", 1, "", "", undefined, "the disk is full"],
      ],
    );
  });

  it("waits with a mount point that is none", () => {
    const ask = appInit({ volumeRefList: [{ ...root, mountDir: "data" }] });
    const { unread } = desired([imageVolume(ids.root, 0n)], [ask]).apps[0] ?? {};
    assert.equal(unread?.field, "apps[0].volumeRefList[0].mount_dir");
    assert.match(unread?.message ?? "", /not an absolute path/);
  });
});
