/** The `selvedge os` program: reads the command line, gives the parts what they need, turns errors into words. */
import { spawn } from "node:child_process";
import { access, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describeError, SystemClock } from "@selvedge/base";
import { buildImage } from "./build/build.ts";
import { closed, ProgramError } from "./build/programs.ts";
import { type Progress, step } from "./build/progress.ts";
import { ConfigFolderError, writeConfig } from "./config-partition.ts";
import { FlagError, type OsCommand, parseOsCommand } from "./flags.ts";
import { type Profile, ProfileError, parseProfile } from "./profile.ts";
import { forgetBox, makeBox, runBox } from "./run/box.ts";

const checkout = resolve(import.meta.dirname, "../../..");
const profiles = resolve(import.meta.dirname, "../profiles");

type Wanted<K extends OsCommand["kind"]> = Extract<OsCommand, { readonly kind: K }>;

async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    // Whoever asks twice does not want to wait; what we started ends with us.
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new Error("stopped by signal"));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, onSignal);
  const progress: Progress = {
    clock: new SystemClock(),
    say: (line) => void process.stderr.write(`${line}\n`),
    signal: stop.signal,
  };
  try {
    const command = parseOsCommand(args);
    switch (command.kind) {
      case "help":
        process.stdout.write(`${command.text}\n`);
        break;
      case "build":
        await build(command, progress);
        break;
      case "config":
        await withFolder((work) => writeConfig(command.image, command.folder, work, stop));
        progress.say(`${command.image} has the configuration of ${command.folder}.`);
        break;
      case "run":
        await start(command, progress);
        break;
    }
    return stop.signal.aborted ? 130 : 0;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    const known = [FlagError, ProfileError, ConfigFolderError, ProgramError].some(
      (it) => error instanceof it,
    );
    progress.say(`selvedge os: ${known ? describeError(error) : ((error as Error).stack ?? error)}`);
    return error instanceof FlagError ? 2 : 1;
  }
}

async function build(command: Wanted<"build">, progress: Progress): Promise<void> {
  if (process.getuid?.() !== 0) throw new FlagError("os build needs root: it makes files of other users");
  if (process.arch !== "x64") throw new FlagError("os build makes images for x86-64, on x86-64 only");
  const profile = await readProfile(command.profile);
  const { version } = JSON.parse(await readFile(join(checkout, "packages/engine/package.json"), "utf8"));
  const epoch = Number(process.env["SOURCE_DATE_EPOCH"] ?? Math.floor(Date.now() / 1000));
  // mtools and mmdebstrap take the time of files from there, and write it in this zone.
  Object.assign(process.env, { SOURCE_DATE_EPOCH: `${epoch}`, TZ: "UTC", LC_ALL: "C.UTF-8" });
  const { out, config } = command;
  const built = await buildImage(
    {
      ...{ profile, version, config, out, epoch, checkout, node: process.execPath },
      prepareGuest: () => prepareGuest(progress),
    },
    progress,
  );
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  progress.say(`${out}: ${mib(built.bytes)}, the system in it ${mib(built.rootBytes)}.`);
  progress.say(`To try it: ./selvedge os run ${out}${config === undefined ? " --config FOLDER" : ""}`);
}

async function readProfile(path: string | undefined): Promise<Profile> {
  const read = async (file: string, defaults: Profile | undefined): Promise<Profile> => {
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new ProfileError(`${file}: cannot be read`, { cause });
    });
    try {
      return parseProfile(text, defaults);
    } catch (error) {
      if (error instanceof ProfileError) error.message = `${file}: ${error.message}`;
      throw error;
    }
  };
  const defaults = await read(join(profiles, "default.yaml"), undefined);
  return path === undefined ? defaults : await read(path, defaults);
}

/** The guest's package makes it; done already means nothing to do. */
async function prepareGuest({ signal }: Progress): Promise<string> {
  const folder = join(checkout, ".cache/guest");
  const child = spawn(process.execPath, [join(checkout, "packages/guest/build.ts"), folder], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const end = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  const code = await closed(child, "packages/guest/build.ts");
  signal.removeEventListener("abort", end);
  signal.throwIfAborted();
  if (code !== 0) throw new ProgramError("the kernel of apps' machines could not be made; see above");
  return folder;
}

async function start(command: Wanted<"run">, progress: Progress): Promise<void> {
  const { image, box, fresh, config, diskMib, memoryMib, serial, accel } = command;
  await access(image).catch(() => {
    throw new FlagError(`${image}: no such image; ./selvedge os build makes one`);
  });
  if (fresh) await forgetBox(box);
  const isNew = await step(progress, `Looking at the box in ${box}`, () =>
    makeBox({ image, folder: box, diskMib, config }, progress),
  );
  const kvm = accel === "kvm" || (accel === "auto" && (await hasKvm()));
  progress.say(
    `${isNew ? "A new box" : "The box"} is switched on${kvm ? "" : ", emulated"}. Ctrl-C ends it.`,
  );
  // Node's compiler now and then falls over itself on two emulated processors.
  const cpus = command.cpus ?? (kvm ? 2 : 1);
  await runBox({ box, memoryMib, cpus, serial, kvm }, progress.clock, progress.signal);
}

/** The device may be there with a paravirtual KVM behind it, which takes no ordinary kernel: the flags tell. */
async function hasKvm(): Promise<boolean> {
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(await readFile("/proc/cpuinfo", "utf8"))) return false;
  return await open("/dev/kvm", "r+").then(
    async (device) => {
      await device.close();
      return true;
    },
    () => false,
  );
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-os-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
