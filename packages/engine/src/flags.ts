/** The engine's command line. */
import { parseArgs } from "node:util";

export type TpmFlag =
  | { readonly kind: "swtpm"; readonly socket: string }
  | { readonly kind: "device"; readonly path: string }
  | { readonly kind: "none" };

export interface EngineFlags {
  readonly config: string;
  readonly state: string;
  readonly run: string;
  readonly tpm: TpmFlag;
  /** Folder of the guest's kernel and initramfs; without one the node runs no apps. */
  readonly guest: string | undefined;
  readonly accel: "auto" | "kvm" | "tcg";
  /** Who looks after the box's own network cards: its system, or the engine as its configuration says. */
  readonly ports: "system" | "engine";
  /** What a reboot takes down: the box, or only this engine and its apps. */
  readonly power: "system" | "engine";
  /** Where programs find name servers, written where the engine looks after the cards. */
  readonly resolvConf: string;
  /** Made once the controller has answered; undefined: nobody asks. */
  readonly heard: string | undefined;
}

/** The command line is not one; the message says what to write. */
export class FlagError extends Error {
  override name = "FlagError";
}

export const usage: string = `Usage: ./selvedge engine --config DIR --state DIR --run DIR --tpm WHERE [OPTION]…

A node's software: enrols the box, then runs what the controller wants.

  --config DIR   what the box was given: server, root-certificate.pem, onboard.cert.pem, onboard.key.pem, soft_serial,
                 bootstrap-config.pb
  --state DIR    what must survive a reboot: identity, configuration, content
  --run DIR      what must not: sockets and process ids; keep the name short
  --tpm WHERE    swtpm:SOCKET, device:/dev/tpmrm0, or none to keep keys in a file of the state folder
  --guest DIR    kernel and initramfs of apps' machines (packages/guest/build.ts makes them)
  --accel HOW    auto (KVM where it is, else emulation), kvm or tcg; default auto
  --ports WHO    who sets up the network cards: system (the box's own), or engine (as the configuration says);
                 default system
  --power WHAT   what a reboot takes down: system (the box), or engine (the engine and its apps); default engine
  --resolv-conf FILE  where name servers are written with --ports engine; default /etc/resolv.conf
  --heard FILE   made when the controller has answered: a system on trial has proved itself
  --help         this

The log goes to standard error, a JSON object a line. SIGTERM ends the engine and leaves the apps running.
`;

/** Undefined: help was asked for. */
export function parseFlags(args: readonly string[]): EngineFlags | undefined {
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        config: { type: "string" },
        state: { type: "string" },
        run: { type: "string" },
        tpm: { type: "string" },
        guest: { type: "string" },
        accel: { type: "string", default: "auto" },
        ports: { type: "string", default: "system" },
        power: { type: "string", default: "engine" },
        "resolv-conf": { type: "string", default: "/etc/resolv.conf" },
        heard: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    throw new FlagError(error instanceof Error ? error.message : String(error));
  }
  if (values["help"] === true) return undefined;
  const required = (name: string): string => {
    const value = values[name];
    if (typeof value !== "string" || value === "") throw new FlagError(`--${name} is missing`);
    return value;
  };
  const accel = values["accel"];
  if (accel !== "auto" && accel !== "kvm" && accel !== "tcg")
    throw new FlagError(`--accel ${String(accel)}: write auto, kvm or tcg`);
  const power = values["power"];
  if (power !== "system" && power !== "engine")
    throw new FlagError(`--power ${String(power)}: write system or engine`);
  const ports = values["ports"];
  if (ports !== "system" && ports !== "engine")
    throw new FlagError(`--ports ${String(ports)}: write system or engine`);
  const guest = values["guest"];
  const heard = values["heard"];
  return {
    config: required("config"),
    state: required("state"),
    run: required("run"),
    tpm: parseTpm(required("tpm")),
    guest: typeof guest === "string" ? guest : undefined,
    heard: typeof heard === "string" ? heard : undefined,
    resolvConf: required("resolv-conf"),
    ...{ accel, power, ports },
  };
}

function parseTpm(text: string): TpmFlag {
  if (text === "none") return { kind: "none" };
  const [, kind, path] = /^(swtpm|device):(.+)$/.exec(text) ?? [];
  if (path === undefined)
    throw new FlagError(`--tpm ${text}: write swtpm:SOCKET, device:/dev/tpmrm0 or none`);
  return kind === "swtpm" ? { kind: "swtpm", socket: path } : { kind: "device", path };
}
