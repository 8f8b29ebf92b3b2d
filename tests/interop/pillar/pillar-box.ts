/** A box with EVE's own agents in a root folder, a mount, a process and a name namespace of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { OnboardingPair } from "../../../packages/cli/src/up/node-config.ts";
import { writeNodeConfig } from "../../../packages/cli/src/up/node-config.ts";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";

export interface PillarBoxOptions {
  readonly folder: string;
  readonly program: string;
  readonly server: string;
  readonly rootCertificate: string;
  readonly onboarding: OnboardingPair;
  readonly serial: string;
  /** bootstrap-config.pb */
  readonly bootstrap: Uint8Array;
  readonly hasTpm: boolean;
}

/** What the program says became of the box. */
export interface BoxEvent {
  readonly event: string;
  readonly detail: unknown;
}

/** Why no box can run here; false when one can. */
export function pillarBoxMissing(): string | false {
  if (process.getuid?.() !== 0) return "EVE's agents need root (a root folder and namespaces of their own)";
  if (!existsSync("/usr/bin/swtpm")) return "swtpm is not installed";
  return false;
}

export class PillarBox implements AsyncDisposable {
  readonly events: BoxEvent[] = [];
  readonly #folder: string;
  readonly #hasTpm: boolean;
  readonly #processes: ChildProcess[] = [];
  #box: ChildProcess | undefined;
  #tpm: ChildProcess | undefined;
  #mayEnd = false;

  private constructor({ folder, hasTpm }: PillarBoxOptions) {
    this.#folder = folder;
    this.#hasTpm = hasTpm;
  }

  /** Installs a box and switches it on. */
  static async start(options: PillarBoxOptions): Promise<PillarBox> {
    const { folder, program, serial } = options;
    const box = new PillarBox(options);
    for (const name of ["tpm", ...folders.map((path) => join("root", path))])
      await mkdir(join(folder, name), { recursive: true });
    const root = join(folder, "root");
    await symlink("../run", join(root, "var/run"));
    for (const name of ["bin", "sbin", "lib", "lib64"]) await symlink(`usr/${name}`, join(root, name));
    await writeNodeConfig(join(root, "config"), options);
    await writeFile(join(root, "config/bootstrap-config.pb"), options.bootstrap);
    // EVE's agents find their neighbours by it.
    await writeFile(join(root, "etc/hosts"), "127.0.0.1 localhost\n");
    await mkdir(join(root, "config/GlobalConfig"));
    await writeFile(join(root, "config/GlobalConfig/global.json"), JSON.stringify(asInstalled));
    await copyFile(program, join(root, "box/box"));
    await writeFile(join(root, "box/dmidecode"), dmidecode(serial));
    await writeFile(join(root, "box/zboot"), zboot);
    for (const name of ["box", "dmidecode", "zboot"]) await chmod(join(root, "box", name), 0o755);
    await box.boot();
    return box;
  }

  /** Switches it on, with nothing left of what it had in memory, nor of what its TPM measured. */
  async boot(): Promise<void> {
    const root = join(this.#folder, "root");
    if (this.#hasTpm) await this.#startTpm(join(root, "dev/tpm0"));
    await rm(join(root, "dev/tpmrm0"), { force: true });
    await rm(join(root, "run"), { recursive: true, force: true });
    await mkdir(join(root, "run"));
    const args = ["--mount", "--pid", "--uts", "--fork", "--kill-child", "--propagation", "private"];
    const env = { PATH: "/box:/usr/sbin:/usr/bin", HOME: "/", TMPDIR: "/persist/tmp" };
    const child = spawn("unshare", [...args, "sh", "-ec", enter(root)], {
      stdio: ["ignore", "pipe", "pipe"],
      env,
    });
    child.stderr.pipe(createWriteStream(join(this.#folder, "box.log"), { flags: "a" }));
    createInterface(child.stdout).on("line", (line) => {
      if (line.startsWith('{"detail"')) this.events.push(JSON.parse(line) as BoxEvent);
    });
    this.#processes.push(child);
    this.#box = child;
    this.#mayEnd = false;
  }

  async #startTpm(socket: string): Promise<void> {
    if (this.#tpm !== undefined) await end(this.#tpm);
    await rm(socket, { force: true });
    const flags = ["--flags", "startup-clear,not-need-init"];
    const args = ["socket", "--tpm2", "--tpmstate", `dir=${join(this.#folder, "tpm")}`, ...flags];
    const ends = ["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`];
    this.#tpm = spawn("swtpm", [...args, ...ends], { stdio: "ignore" });
    this.#processes.push(this.#tpm);
    await waitFor("the TPM", async () => (existsSync(socket) ? true : undefined));
  }

  /** Lets it switch itself off, which is how it reboots, and switches it on again. */
  async reboots(): Promise<void> {
    const box = this.#box;
    this.#mayEnd = true;
    if (box !== undefined && box.exitCode === null && box.signalCode === null) await once(box, "exit");
    await this.boot();
  }

  /** Pulls its plug, and puts it in again. */
  async losesPower(): Promise<void> {
    this.#mayEnd = true;
    if (this.#box !== undefined) await end(this.#box);
    await this.boot();
  }

  /** Fails when it ends while `work` is under way. */
  async during(work: () => Promise<void>): Promise<void> {
    const box = this.#box;
    const over = new AbortController();
    const died = async (): Promise<void> => {
      if (box === undefined) return;
      const [code] = (await once(box, "exit", { signal: over.signal })) as [number | null];
      if (this.#mayEnd) return await new Promise<never>(() => undefined);
      throw new Error(`the box ended with ${code}: ${JSON.stringify(this.events.slice(-3))}`);
    };
    try {
      await Promise.race([work(), died()]);
    } finally {
      over.abort();
    }
  }

  /** The first event of a name whose detail fits, waited for. */
  async said(event: string, fits: (detail: unknown) => boolean = () => true): Promise<unknown> {
    const found = await waitFor(
      `the box to say ${event}`,
      async () => this.events.find((one) => one.event === event && fits(one.detail)),
      30,
    );
    return found.detail;
  }

  /** What an agent has published of a type, by key. */
  async published<T = Record<string, unknown>>(agent: string, type: string): Promise<Map<string, T>> {
    const folder = join(this.#folder, "root/run", agent, type);
    const names = await readdir(folder).catch(() => []);
    const items = new Map<string, T>();
    for (const name of names.filter((one) => one.endsWith(".json"))) {
      const text = await readFile(join(folder, name), "utf8").catch(() => undefined);
      // One that is being written comes whole at the next look.
      if (text) items.set(name.slice(0, -".json".length), JSON.parse(text) as T);
    }
    return items;
  }

  /** A path inside the box. */
  path(inside: string): string {
    return join(this.#folder, "root", inside);
  }

  /** What its agents log, as far as it is written. */
  async log(): Promise<string> {
    return await readFile(join(this.#folder, "box.log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes.reverse()) await end(child);
  }
}

/** EVE's own, and those where the host's are seen. */
const folders = [
  "config",
  "persist",
  "run",
  "box",
  "dev",
  "proc",
  "sys",
  "usr",
  "etc",
  "tmp",
  "var",
  "hostfs",
];

/** Asks as often as EVE can, from the start: its own minute is long for a test. */
const interval = { Key: "timer.config.interval", ItemType: 1, IntValue: 5 };
const asInstalled = { GlobalSettings: { [interval.Key]: interval } };

/** `--kill-child` ends what is inside with the first process. */
function enter(root: string): string {
  return [
    `mount --bind /usr "${root}/usr"`,
    `mount --bind -o ro /sys "${root}/sys"`,
    `mount -t proc proc "${root}/proc"`,
    ...["null", "urandom"].map(
      (name) => `touch "${root}/dev/${name}"; mount --bind /dev/${name} "${root}/dev/${name}"`,
    ),
    `exec chroot "${root}" /box/box`,
  ].join("\n");
}

/** The program that EVE asks which of its two systems runs. */
const zboot = `#!/bin/sh
case "$1 $2" in
"curpart ") echo IMGA ;;
"partstate IMGA") echo active ;;
"partstate IMGB") echo unused ;;
"partdev IMGA") echo /dev/sda2 ;;
"partdev IMGB") echo /dev/sda3 ;;
*) exit 1 ;;
esac
`;

/** The program that EVE asks for what is printed on a box. */
function dmidecode(serial: string): string {
  return `#!/bin/sh
case "$2" in
system-serial-number) echo "${serial}" ;;
system-manufacturer) echo "Selvedge" ;;
system-product-name) echo "Test box" ;;
bios-vendor) echo "SeaBIOS" ;;
bios-version) echo "1.16" ;;
*) echo "Not Specified" ;;
esac
`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
