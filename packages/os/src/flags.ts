/** The command line of `selvedge os`. */
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { argumentFault } from "@selvedge/base";

export type OsCommand =
  | { readonly kind: "help"; readonly text: string }
  | {
      readonly kind: "build";
      readonly profile: string | undefined;
      readonly config: string | undefined;
      readonly out: string;
    }
  | { readonly kind: "config"; readonly image: string; readonly folder: string }
  | {
      readonly kind: "run";
      readonly image: string;
      readonly box: string;
      readonly fresh: boolean;
      readonly config: string | undefined;
      readonly serial: string;
      readonly memoryMib: number;
      /** Not said: as many as the machine it runs on bears. */
      readonly cpus: number | undefined;
      readonly diskMib: number;
      readonly accel: "auto" | "kvm" | "tcg";
    };

/** The command line is not one; the message says what to write. */
export class FlagError extends Error {
  override name = "FlagError";
}

const usage = `Usage: ./selvedge os build [--profile FILE] [--config FOLDER] [--out FILE]
       ./selvedge os config IMAGE FOLDER
       ./selvedge os run IMAGE [--box DIR] [--config FOLDER] [OPTION]…

The bootable image: Debian, the engine, two slots for versions of the system. ./selvedge os build --help tells more,
and so for the others.`;

const buildUsage = `Usage: ./selvedge os build [--profile FILE] [--config FOLDER] [--out FILE]

Builds a disk image that any box with UEFI starts from. As root, on Debian; nothing is mounted but what mmdebstrap
mounts in its own tree. With SOURCE_DATE_EPOCH in the environment and a mirror of a day in the profile, two builds
are the same.

  --profile FILE   what the image is made of (default: packages/os/profiles/default.yaml, which tells what may be said)
  --config FOLDER  what every box that gets the image is given: server, root-certificate.pem, onboard.cert.pem,
                   onboard.key.pem, soft_serial, bootstrap-config.pb. It can be written later, by "os config" or by
                   hand: it is the partition selvedge-config
  --out FILE       where the image goes (default: selvedge.img)`;

const configUsage = `Usage: ./selvedge os config IMAGE FOLDER

Writes FOLDER to the partition selvedge-config of IMAGE, a file or a disk, in place of what is there: server,
root-certificate.pem, onboard.cert.pem, onboard.key.pem, soft_serial, bootstrap-config.pb.`;

const runUsage = `Usage: ./selvedge os run IMAGE [--box DIR] [--config FOLDER] [OPTION]…

Makes a box of IMAGE and switches it on: QEMU with UEFI, a disk, a TPM and a network card of its own. Its serial line
is shown. The box reaches this machine, its loopback too, as 10.0.2.2, and nobody reaches the box. Ctrl-C presses its
button; a second one pulls the plug.

  --box DIR        where the box is kept: disk, TPM, firmware variables (default: IMAGE.box). Next time it goes on
  --fresh          make the box anew: another TPM, another node
  --config FOLDER  what the fitter gives it; written to its own disk, not to IMAGE
  --serial TEXT    the box's serial number (default: the name of its folder)
  --memory MIB     default 2048
  --cpus N         default 2; 1 where it is emulated
  --disk MIB       of a new box; default 8192
  --accel HOW      auto (KVM where it is, else emulation), kvm or tcg; default auto`;

const help = { help: { type: "boolean", short: "h" }, yes: { type: "boolean", short: "y" } } as const;

export function parseOsCommand(args: readonly string[]): OsCommand {
  const [what, ...rest] = args;
  try {
    switch (what) {
      case "build":
        return parseBuild(rest);
      case "config":
        return parseConfig(rest);
      case "run":
        return parseRun(rest);
      case undefined:
      case "--help":
      case "-h":
        return { kind: "help", text: usage };
      default:
        throw new FlagError(`${what}: write build, config or run`);
    }
  } catch (error) {
    if (error instanceof FlagError) throw error;
    throw new FlagError(argumentFault(error, `os ${what}`) ?? String(error));
  }
}

function parseBuild(args: readonly string[]): OsCommand {
  const { values } = parseArgs({
    args: [...args],
    options: { ...help, profile: { type: "string" }, config: { type: "string" }, out: { type: "string" } },
  });
  if (values.help) return { kind: "help", text: buildUsage };
  const { profile, config, out = "selvedge.img" } = values;
  return { kind: "build", profile: path(profile), config: path(config), out: resolve(out) };
}

function parseConfig(args: readonly string[]): OsCommand {
  const { values, positionals } = parseArgs({ args: [...args], options: help, allowPositionals: true });
  if (values.help) return { kind: "help", text: configUsage };
  const [image, folder, ...more] = positionals;
  if (image === undefined || folder === undefined || more.length > 0)
    throw new FlagError("write os config IMAGE FOLDER");
  return { kind: "config", image: resolve(image), folder: resolve(folder) };
}

function parseRun(args: readonly string[]): OsCommand {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...help,
      ...{ box: { type: "string" }, config: { type: "string" }, serial: { type: "string" } },
      ...{ fresh: { type: "boolean", default: false }, accel: { type: "string", default: "auto" } },
      ...{ memory: { type: "string" }, cpus: { type: "string" }, disk: { type: "string" } },
    },
  });
  if (values.help) return { kind: "help", text: runUsage };
  const [image, ...more] = positionals;
  if (image === undefined || more.length > 0) throw new FlagError("write os run IMAGE, one image");
  const box = resolve(values.box ?? `${image}.box`);
  const { accel, config, fresh, serial = basename(box) } = values;
  if (accel !== "auto" && accel !== "kvm" && accel !== "tcg")
    throw new FlagError(`--accel ${accel}: write auto, kvm or tcg`);
  // A profile admits boxes by it, and EVE's form of it has no more than these.
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(serial))
    throw new FlagError(`--serial ${JSON.stringify(serial)}: letters, digits, dots, - and _, at most 64`);
  return {
    ...{ kind: "run", image: resolve(image), box, fresh, config: path(config), serial, accel },
    // Less than these, and Node does not start.
    memoryMib: number("--memory", values.memory, 2048, 512, 2 ** 20),
    cpus: values.cpus === undefined ? undefined : number("--cpus", values.cpus, 1, 1, 64),
    diskMib: number("--disk", values.disk, 8192, 64, 2 ** 24),
  };
}

function path(text: string | undefined): string | undefined {
  return text === undefined ? undefined : resolve(text);
}

function number(flag: string, text: string | undefined, usual: number, min: number, max: number): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new FlagError(`${flag} ${text}: write a whole number from ${min} to ${max}`);
}
