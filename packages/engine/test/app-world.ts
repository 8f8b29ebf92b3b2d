/**
 * One node's app domain on a real QEMU, with a busybox image made on the spot and content that is simply
 * there.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { formatRecord, Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import { type AppDomain, createAppDomain } from "../src/app/app-domain.ts";
import { detectAcceleration } from "../src/app/qemu/acceleration.ts";
import { QemuHypervisor } from "../src/app/qemu/qemu-hypervisor.ts";
import { Settings } from "../src/control/settings/settings.ts";
import type { AppId, AppSpec, ContentId, DesiredState, NetworkId } from "../src/desired.ts";
import { Cell, EngineStore } from "../src/engine-store.ts";
import { SealedDisk } from "../src/host/sealed-disk.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { createNetworkDomain, type NetworkDomain } from "../src/network/network-domain.ts";
import type { AppStatus } from "../src/observed.ts";
import type { Vault } from "../src/ports.ts";
import { QemuImgDriver } from "../src/volume/qemu/qemu-img-driver.ts";
import { createVolumeDomain, type VolumeDomain } from "../src/volume/volume-domain.ts";
import { FolderDisk } from "./folder-disk.ts";
import { TestVault } from "./test-vault.ts";

const guest = join(import.meta.dirname, "../../../.cache/guest");
export const images: { readonly kernel: string; readonly initramfs: string } = {
  kernel: join(guest, "vmlinux"),
  initramfs: join(guest, "initramfs.cpio"),
};
let detected: ReturnType<typeof detectAcceleration> | undefined;
export function acceleration(): ReturnType<typeof detectAcceleration> {
  detected ??= detectAcceleration(images);
  return detected;
}
const missing = [
  "/usr/bin/qemu-system-x86_64",
  "/bin/busybox",
  "/usr/bin/mksquashfs",
  join(guest, "vmlinux"),
].find((path) => !existsSync(path));
export const skip: string | false = missing === undefined ? false : `${missing} is missing`;

const applets =
  "sh echo sleep cat ls id ip env mount httpd nc nslookup ping ps dd rm mkdir touch date hostname head tail wc grep " +
  "yes";

export function makeImage(folder: string): void {
  const root = join(folder, "root");
  for (const name of ["bin", "etc", "tmp", "www"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const name of applets.split(" ")) symlinkSync("busybox", join(root, "bin", name));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/var/web:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\nweb:x:102:\nextra:x:300:web\n");
  writeFileSync(join(root, "www/index.html"), "hello\n");
  const image = join(folder, "root.sqfs");
  execFileSync("mksquashfs", [root, image, "-quiet", "-no-progress", "-all-root", "-comp", "lz4"]);
}

/** Many times what a machine needs to boot beside others. */
const patienceMs = 150_000;

export const networkId: NetworkId = "net" as NetworkId;
const network = {
  ...{ id: networkId, name: "default", kind: "local", subnet: "10.77.0.0/24", gateway: "10.77.0.1" },
  ...{ dhcpFirst: "10.77.0.2", dhcpLast: "10.77.0.9", dns: [] },
  hosts: [{ name: "registry.internal", addresses: ["192.0.2.2"] }],
};

export type PodInit = MessageInitShape<typeof ext.AppExtensionSchema>;

export class AppWorld implements AsyncDisposable {
  readonly folder: string;
  readonly image: string;
  /** Open, so that every test of apps is one of sealed disks as well. */
  vault: Vault = new TestVault("open");
  readonly clock: SystemClock = new SystemClock();
  readonly log: Log = new Log(
    "test",
    this.clock,
    process.env["TEST_LOG"] ? (it) => console.error(formatRecord(it)) : silentSink,
  );
  hypervisor!: QemuHypervisor;
  store!: EngineStore;
  domain!: AppDomain;
  #driver: LinuxNetworkDriver | undefined;
  #network: NetworkDomain | undefined;
  #volumes: VolumeDomain | undefined;
  #desired: DesiredState | undefined;
  #specs: AppSpec[] = [];
  /** What a test adds to the one network that there is. */
  more: Partial<Pick<DesiredState, "networks" | "ports">> = {};
  #version = 1;

  /**
   * `network` makes bridges and rules in the namespace this process runs in; only for one of the test's
   * own.
   */
  private constructor(folder: string) {
    this.folder = folder;
    this.image = join(folder, "root.sqfs");
  }

  static async open({
    network = false,
    folder,
    vault,
  }: {
    network?: boolean;
    folder?: string;
    vault?: Vault;
  } = {}): Promise<AppWorld> {
    const world = new AppWorld(folder ?? mkdtempSync(join(tmpdir(), "sva-")));
    if (vault !== undefined) world.vault = vault;
    if (!existsSync(world.image)) makeImage(world.folder);
    if (network)
      world.#driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(world.folder, "network") });
    await world.startEngine();
    return world;
  }

  /** What a new process of the engine would do. */
  async startEngine(bootId = "boot-1"): Promise<void> {
    this.store = new EngineStore();
    this.hypervisor = new QemuHypervisor({
      folder: join(this.folder, "run"),
      scratchFolder: join(this.folder, "scratch"),
      ...images,
      acceleration: await acceleration(),
      cgroup: "selvedge-test",
      clock: this.clock,
      random: new SystemRandom(),
      log: this.log,
    });
    const disk = new FolderDisk(join(this.folder, "state"));
    this.domain = createAppDomain({
      store: this.store,
      disk,
      sealed: new SealedDisk(disk, this.vault),
      clock: this.clock,
      random: new SystemRandom(),
      log: this.log,
      vault: this.vault,
      hypervisor: this.hypervisor,
      secrets: {
        openAppSecrets: async (block) =>
          create(ext.AppSecretsSchema, JSON.parse(Buffer.from(block).toString())),
        openUserData: async () => "",
      },
      facts: { bootId, architecture: "amd64", cpus: 4, internalIp: async () => "192.0.2.9" },
      ...{ memoryForApps: () => 2 ** 30, upMs: () => 0 },
      settings: new Settings(new Cell<DesiredState | undefined>(undefined)),
    });
    this.store.contents.set("image" as ContentId, {
      phase: "ready",
      path: this.image,
      digest: "sha256:1",
      imageId: "registry/busybox@sha256:1",
      sizeBytes: 1,
      config: {
        architecture: "amd64",
        user: "",
        env: ["PATH=/bin"],
        entrypoint: [],
        cmd: ["sh"],
        workingDir: "",
        stopSignal: undefined,
        volumes: [],
      },
    });
    if (this.#driver !== undefined) {
      const { store, clock, log } = this;
      const disk = new FolderDisk(join(this.folder, "state"));
      const driver = this.#driver;
      this.#network = createNetworkDomain({
        store,
        disk,
        driver,
        machines: this.hypervisor,
        prefix: "sv",
        clock,
        random: new SystemRandom(),
        log,
      });
      await this.#network.start();
    }
    const parts = { store: this.store, clock: this.clock, random: new SystemRandom(), log: this.log };
    const { vault, hypervisor: machines } = this;
    this.#volumes = createVolumeDomain({ ...parts, disk, driver: new QemuImgDriver(disk), vault, machines });
    await this.domain.adopt();
    await this.#volumes.start();
    await this.domain.start();
    // No configuration is not the same as one that wants nothing.
    if (this.#desired !== undefined) this.store.desired.set(this.#desired);
    if (this.#specs.length > 0) this.#publish();
  }

  /** As kill -9 leaves it: nothing is said goodbye to, only this process must let go of its sockets. */
  async killEngine(): Promise<void> {
    await this.domain[Symbol.asyncDispose]();
    await this.#volumes?.[Symbol.asyncDispose]();
    await this.#network?.[Symbol.asyncDispose]();
  }

  /** All of it at once, as a configuration of a controller that is not ours is translated. */
  desire(desired: DesiredState): void {
    this.#desired = desired;
    this.store.desired.set(desired);
  }

  apply(name: string, pod: PodInit, more: Partial<AppSpec> = {}): AppId {
    const id = name as AppId;
    const full = create(ext.AppExtensionSchema, {
      namespace: "default",
      name,
      terminationGraceSeconds: 5,
      ...pod,
    });
    for (const container of [...full.initContainers, ...full.containers]) {
      container.image ||= "busybox";
      container.contentTreeId ||= "image";
    }
    const version = `${this.#version++}`;
    const spec: AppSpec = {
      ...{ id, version, revision: version, displayName: `default/${name}`, active: true, foreign: undefined },
      ...{ restartCounter: 0, purgeCounter: 0, vcpus: 1, memoryBytes: 160 * 2 ** 20, nics: [], pod: full },
      ...more,
    };
    this.#specs = [...this.#specs.filter((it) => it.id !== id), spec];
    this.#publish();
    return id;
  }

  remove(id: AppId): void {
    this.#specs = this.#specs.filter((it) => it.id !== id);
    this.#publish();
  }

  async until(id: AppId, wanted: (status: AppStatus | undefined) => boolean): Promise<AppStatus | undefined> {
    for (;;) {
      const status = this.store.apps.get(id);
      if (wanted(status)) return status;
      const changed = Promise.withResolvers<void>();
      const stop = this.store.apps.subscribe(() => changed.resolve());
      await this.#patiently(changed.promise, () => this.#describe(id));
      stop();
    }
  }

  /** Everything that is stored, as the controller would get it by and by. */
  async logLines(id: AppId): Promise<string[]> {
    const app = this.domain.reconciler.instances.get(id);
    const lines: string[] = [];
    for (const { name } of app?.record.containers ?? [])
      for (let position = 0; ; ) {
        const part = (await app?.logs.container(name)?.linesAfter(position)) ?? [];
        if (part.length === 0) break;
        position = part.at(-1)?.sequence ?? position;
        for (const { text } of part) lines.push(`${name}: ${new TextDecoder().decode(text)}`);
      }
    return lines;
  }

  async untilLog(id: AppId, wanted: RegExp, count = 1): Promise<string[]> {
    for (;;) {
      const changed = Promise.withResolvers<void>();
      // The app may not be there yet.
      const stops = [
        this.store.apps.subscribe(() => changed.resolve()),
        this.domain.reconciler.instances.get(id)?.logs.onWritten(changed.resolve),
      ];
      const lines = await this.logLines(id);
      if (lines.filter((line) => wanted.test(line)).length >= count) return lines;
      await this.#patiently(changed.promise, () => `${wanted} in ${lines.join("\n")}; ${this.#describe(id)}`);
      for (const stop of stops) stop?.();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killEngine();
    for (const id of await this.hypervisor.list()) await this.hypervisor.remove(id);
    await this.#driver?.down();
    const groups = join(this.folder, "run/.cgroup");
    execFileSync("sh", ["-c", `umount ${groups}/* ${groups} 2>/dev/null || true`]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A test that waits for what never comes says what there was instead. */
  async #patiently(change: Promise<void>, describe: () => string): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`nothing happens any more: ${describe()}`)),
      patienceMs,
    );
    await Promise.race([change, late.promise]).finally(() => clearTimeout(timer));
  }

  #describe(id: AppId): string {
    const text = (_key: string, value: unknown): unknown =>
      typeof value === "bigint" ? Number(value) : value;
    return JSON.stringify(this.store.apps.get(id), text);
  }

  #publish(): void {
    this.store.desired.set({
      nodeId: "n1",
      apps: [...this.#specs],
      contents: [],
      networks: [network, ...(this.more.networks ?? [])],
      ports: this.more.ports ?? [],
      volumes: [],
      settings: new Map(),
    } as unknown as DesiredState);
  }
}

/** The world's image once more, under the name that a configuration gives it. */
export function bringContent({ store }: AppWorld, id: string): void {
  const image = store.contents.get("image" as ContentId);
  if (image === undefined) throw new Error("the world has no image");
  store.contents.set(id as ContentId, image);
}
