/** A card is parted and its functions go to apps, in a tree like the kernel's, which does what the kernel would. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readlink, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { translateDevices } from "../../control/translate-devices.ts";
import type { AppId, AppSpec, DesiredState } from "../../desired.ts";
import { EngineStore } from "../../engine-store.ts";
import { LinuxHardware } from "../../host/linux/linux-hardware.ts";
import { DeviceReconciler, deviceKey } from "../device-reconciler.ts";
import { VfioDriver } from "./vfio-driver.ts";

const card = "0000:05:00.0";
const [a, b] = ["a", "b"] as AppId[] as [AppId, AppId];
const functionAt = (index: number): string => `0000:05:10.${index}`;

describe("a card with functions", () => {
  let root: string;
  const roots: string[] = [];
  let told: string[];
  let store: EngineStore;
  let running: AppId[];
  let reconciler: DeviceReconciler;
  const path = (address: string, ...more: string[]): string =>
    join(root, "sys/bus/pci/devices", address, ...more);

  const addDevice = async (
    address: string,
    group: string,
    more: Record<string, string> = {},
  ): Promise<void> => {
    const files = { vendor: "0x8086\n", class: "0x020000\n", driver_override: "", ...more };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(path(address, file)), { recursive: true });
      await writeFile(path(address, file), text);
    }
    if (group !== "") await symlink(`../iommu_groups/${group}`, path(address, "iommu_group"));
  };
  const driverOf = async (address: string): Promise<string> =>
    basename(await readlink(path(address, "driver")).catch(() => ""));
  let overrides: Map<string, string>;
  /** What Linux does when these files are written to. */
  const write = async (file: string, text: string): Promise<void> => {
    const [address = "", name = ""] = file.split("/").slice(-2);
    told.push(`${name} ${text}`);
    if (name === "sriov_numvfs") {
      const had = Number(basename((await readlink(path(card, "made")).catch(() => "0")) || "0"));
      if (had !== 0 && text !== "0") throw new Error("EBUSY");
      for (let index = 0; index < had; index++) {
        await rm(path(functionAt(index)), { recursive: true });
        await unlink(path(card, `virtfn${index}`));
      }
      for (let index = 0; index < Number(text); index++) {
        await addDevice(functionAt(index), `${20 + index}`);
        await symlink(`../${functionAt(index)}`, path(card, `virtfn${index}`));
      }
      await rm(path(card, "made"), { force: true });
      await symlink(text, path(card, "made"));
      await writeFile(file, `${text}\n`);
    } else if (name === "driver_override") overrides.set(address, text.trim());
    else if (name === "unbind") await unlink(path(text, "driver"));
    else if (name === "drivers_probe" && (overrides.get(text) ?? "") !== "")
      await symlink(`../drivers/${overrides.get(text)}`, path(text, "driver"));
  };
  const run = async (program: string, args: readonly string[]): Promise<string> => {
    told.push([program, ...args].join(" "));
    return "";
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "selvedge-card-"));
    roots.push(root);
    [told, running, overrides] = [[], [], new Map()];
    await mkdir(join(root, "proc"), { recursive: true });
    await addDevice(card, "7", {
      ...{ sriov_totalvfs: "7\n", sriov_numvfs: "0\n", "net/enp5s0/type": "1\n" },
    });
    store = new EngineStore();
    const log = new Log("test", new SystemClock(), silentSink);
    const hardware = new LinuxHardware({ root, ownPrefix: "sv" });
    const driver = new VfioDriver({ root, write, run });
    reconciler = new DeviceReconciler({
      store,
      driver,
      hardware,
      log,
      machines: { list: async () => running },
    });
  });
  after(() => Promise.all(roots.map((it) => rm(it, { recursive: true }))));

  const want = (vflist: object, ...apps: Partial<AppSpec>[]): void => {
    const deviceIoList = [
      { ptype: 11, logicallabel: "eth5", assigngrp: "g5", phyaddrs: { pcilong: card }, vflist },
    ];
    const devices = translateDevices(create(config.EdgeDevConfigSchema, { deviceIoList } as never));
    store.desired.set({
      devices,
      apps: apps.map((app) => ({ active: true, ...app })),
    } as unknown as DesiredState);
  };
  const pass = async (): Promise<string[]> => {
    told = [];
    await reconciler.reconcile(deviceKey, new AbortController().signal);
    return told;
  };
  const phase = (group: string): string => {
    const row = store.devices.get(group);
    if (row?.phase === "fault") return row.reason;
    return row?.phase === "kept" ? (row.error ?? "kept") : (row?.phase ?? "missing");
  };
  const opens = async (index: number): Promise<void> => {
    await mkdir(join(root, "proc/77/fd"), { recursive: true });
    await symlink(`/dev/vfio/${20 + index}`, join(root, "proc/77/fd/9"));
  };
  const closes = (): Promise<void> => rm(join(root, "proc/77"), { recursive: true });

  it("is parted, and a function goes to its app with the address that it is to have", async () => {
    want(
      { vfCount: 2, data: [{ index: 1, mac: "02:00:00:00:00:01", vlanId: 7 }] },
      { id: a, adapters: ["g5vf1"], functions: { g5vf1: { vlan: 9 } } },
    );
    assert.deepEqual(await pass(), [
      ...["sriov_drivers_autoprobe 0", "sriov_numvfs 2"],
      "ip link set dev enp5s0 up",
      "ip link set dev enp5s0 vf 1 mac 02:00:00:00:00:01",
      "ip link set dev enp5s0 vf 1 vlan 9",
      ...["modprobe vfio-pci", "driver_override vfio-pci", `drivers_probe ${functionAt(1)}`],
    ]);
    assert.deepEqual([phase("g5"), phase("g5vf0"), phase("g5vf1")], ["kept", "free", "lent"]);
    assert.equal(await driverOf(functionAt(1)), "vfio-pci");
    assert.deepEqual(await pass(), [], "it stays as it is");
  });

  it("is left as it is by an engine that comes while its functions are in use", async () => {
    want({ vfCount: 2 }, { id: a, adapters: ["g5vf0"] });
    await pass();
    await opens(0);
    running = [a];
    for (const key of store.devices.keys()) store.devices.delete(key);
    assert.deepEqual(await pass(), []);
    assert.equal(phase("g5vf0"), "lent");
  });

  it("keeps its functions while a machine has one, and is parted anew once it is gone", async () => {
    want({ vfCount: 2 }, { id: a, adapters: ["g5vf0"] });
    await pass();
    await opens(0);
    running = [a];
    want({ vfCount: 4 }, { id: a, adapters: ["g5vf0"] }, { id: b, adapters: ["g5vf3"] });
    assert.deepEqual(await pass(), []);
    assert.match(phase("g5vf3"), /vflist.vf_count of eth5: 4 are made once the apps .* are stopped/);
    assert.match(phase("g5"), /4 are made once/);
    assert.equal(phase("g5vf0"), "lent");
    // Nobody knows of it any more, and it is still ending.
    running = [];
    want({ vfCount: 4 }, { id: b, adapters: ["g5vf3"] });
    assert.deepEqual(
      (await pass()).filter((it) => it.startsWith("sriov")),
      [],
    );
    await closes();
    assert.deepEqual((await pass()).slice(0, 3), [
      "sriov_drivers_autoprobe 0",
      "sriov_numvfs 0",
      "sriov_numvfs 4",
    ]);
    assert.deepEqual([phase("g5"), phase("g5vf3")], ["kept", "lent"]);
  });

  it("keeps its functions while a machine begins that has not opened its own yet", async () => {
    want({ vfCount: 2 }, { id: a, adapters: ["g5vf0"] });
    await pass();
    running = [a];
    want({ vfCount: 4 }, { id: a, adapters: ["g5vf0"] });
    assert.deepEqual(await pass(), []);
  });

  it("gives nobody the address of the app before", async () => {
    const mac = "02:00:00:00:00:0a";
    want({ vfCount: 1 }, { id: a, adapters: ["g5vf0"], functions: { g5vf0: { mac, vlan: 5 } } });
    await pass();
    await opens(0);
    want({ vfCount: 1 }, { id: b, adapters: ["g5vf0"] });
    assert.deepEqual(await pass(), [], "its machine is still ending");
    assert.equal(phase("g5vf0"), "free");
    await closes();
    assert.deepEqual(await pass(), [
      "ip link set dev enp5s0 up",
      "ip link set dev enp5s0 vf 0 mac 00:00:00:00:00:00",
      "ip link set dev enp5s0 vf 0 vlan 0",
    ]);
    assert.equal(phase("g5vf0"), "lent");
  });

  it("tells nothing anew while its app runs, and what was asked meanwhile at its next start", async () => {
    want({ vfCount: 1 }, { id: a, adapters: ["g5vf0"] });
    await pass();
    running = [a];
    want({ vfCount: 1, data: [{ index: 0, vlanId: 8 }] }, { id: a, adapters: ["g5vf0"] });
    assert.deepEqual(await pass(), []);
    running = [];
    assert.equal((await pass()).at(-1), "ip link set dev enp5s0 vf 0 vlan 8");
  });

  const faults: readonly (readonly [RegExp, object, () => Promise<unknown>])[] = [
    [/vf_count of eth5: 9 are more than 0000:05:00.0 has; it has 7/, { vfCount: 9 }, async () => {}],
    [
      /vflist of eth5: 0000:05:00.0 has no functions \(SR-IOV\): switch it on/,
      { vfCount: 1 },
      () => rm(path(card, "sriov_totalvfs")),
    ],
    [/the box has no PCI device 0000:05:00.0/, { vfCount: 1 }, () => rm(path(card), { recursive: true })],
    [/vlan_id of eth5: 5000 is no VLAN; 1 to 4094/, { vfCount: 1, data: [{ vlanId: 5000 }] }, async () => {}],
    [
      /0000:05:00.0 is no network card in the box's Linux: is its driver there/,
      { vfCount: 1 },
      () => rm(path(card, "net"), { recursive: true }),
    ],
  ];
  for (const [why, vflist, change] of faults)
    it(`says what is wrong: ${why.source}`, async () => {
      await change();
      want(vflist, { id: a, adapters: ["g5vf0"] });
      await pass();
      assert.match(phase("g5vf0"), why);
    });

  it("says so when nothing keeps a function to its app", async () => {
    want({ vfCount: 1 });
    await pass();
    await unlink(path(functionAt(0), "iommu_group"));
    want({ vfCount: 1 }, { id: a, adapters: ["g5vf0"] });
    await pass();
    assert.match(phase("g5vf0"), /0000:05:10.0 has no IOMMU/);
    await symlink("../iommu_groups/7", path(functionAt(0), "iommu_group"));
    await pass();
    assert.match(phase("g5vf0"), /0000:05:00.0 are in one IOMMU group: .* PCIe ACS/);
  });
});
