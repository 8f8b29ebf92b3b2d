/**
 * What the fitter gives a box whose network says nothing by itself: a configuration that the controller signed before
 * it ever heard of the box (EVE's bootstrap-config.pb). Of it the node's ports and its config items count, until the
 * controller's own configuration was taken once, and never again after that.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describeError, type Log } from "@selvedge/base";
import { auth, certs, config } from "@selvedge/eve-api";
import type { PortSpec } from "../desired.ts";
import type { Disk } from "../host/disk.ts";
import { configPath } from "./config-acceptor.ts";
import { openEnvelope, readControllerCerts } from "./controller-certs.ts";
import type { EnrolmentConfig } from "./enrolment-config.ts";
import type { Settings } from "./settings/settings.ts";
import { translatePorts } from "./translate-ports.ts";

/** What is in it for a box that nobody has told anything yet. */
export interface Given {
  /** Undefined: it says nothing of ports. */
  readonly ports: readonly PortSpec[] | undefined;
  readonly settings: ReadonlyMap<string, string>;
}

/** The file is none that the box may follow. */
export class BootstrapError extends Error {
  override name = "BootstrapError";
}

/** Cards and networks of one box take some kilobytes. */
const bootstrapMax: number = 2 ** 20;

/**
 * Dates are left out of it: it is read before the box has the time from anybody, and who could make the box follow
 * an old one stands in front of it.
 */
export function readBootstrap(bytes: Uint8Array, roots: readonly string[]): Given {
  if (bytes.length > bootstrapMax)
    throw new BootstrapError(`it has ${bytes.length} bytes; at most ${bootstrapMax}`);
  const file = decode(() => fromBinary(config.BootstrapConfigSchema, bytes), "it is no BootstrapConfig");
  const { signedConfig, controllerCerts } = file;
  if (signedConfig === undefined) throw new BootstrapError("signed_config: is missing");
  const list = create(certs.ZControllerCertSchema, { certs: controllerCerts });
  const raw = toBinary(certs.ZControllerCertSchema, list);
  let payload: Uint8Array;
  try {
    const known = readControllerCerts(raw, roots, undefined, "signing alone");
    payload = openEnvelope(toBinary(auth.AuthContainerSchema, signedConfig), [known]);
  } catch (cause) {
    throw new BootstrapError("nobody vouches for it", { cause });
  }
  const message = decode(
    () => fromBinary(config.EdgeDevConfigSchema, payload),
    "signed_config: what is signed is no EdgeDevConfig",
  );
  return {
    ports: translatePorts(message),
    settings: new Map(message.configItems.map(({ key, value }) => [key, value])),
  };
}

function decode<T>(read: () => T, otherwise: string): T {
  try {
    return read();
  } catch (cause) {
    throw new BootstrapError(otherwise, { cause });
  }
}

export interface BootstrapParts {
  readonly disk: Disk;
  readonly config: Pick<EnrolmentConfig, "bootstrap" | "roots">;
  readonly settings: Pick<Settings, "begin">;
  readonly log: Log;
}

export class Bootstrap {
  readonly #parts: BootstrapParts;
  #ports: readonly PortSpec[] | undefined;

  constructor(parts: BootstrapParts) {
    this.#parts = parts;
  }

  /** How the ports are to be until a controller says so; undefined: nobody has said. */
  get ports(): readonly PortSpec[] | undefined {
    return this.#ports;
  }

  /** After what was accepted before was looked for. A file that may not be followed is told, and left. */
  async load(): Promise<void> {
    const { disk, config: given, settings, log } = this.#parts;
    if (given.bootstrap === undefined || (await disk.size(configPath)) !== undefined) return;
    try {
      const { ports, settings: items } = readBootstrap(given.bootstrap, given.roots);
      this.#ports = ports;
      settings.begin(items);
      log.info("beginning as bootstrap-config.pb says", {
        ports: ports?.map(({ name }) => name).join() ?? "",
        items: items.size,
      });
      for (const { name, fault } of ports ?? [])
        if (fault !== undefined) log.error("a port of bootstrap-config.pb cannot be", { port: name, fault });
    } catch (error) {
      log.error("bootstrap-config.pb is not followed", { error: describeError(error) });
    }
  }
}
