import type { Clock, Log } from "@selvedge/base";
import type { Disk } from "../host/disk.ts";
import {
  type ControllerCerts,
  ControllerCertsError,
  openEnvelope,
  readControllerCerts,
} from "./controller-certs.ts";

const path = "control/controller-certs.pb";

/**
 * Whose signatures the node believes: the newest list of certificates, and the one before it for as long as
 * answers signed with it may be under way. Survives reboots, so that a box comes up trusting its controller
 * without asking.
 */
export class ControllerTrust {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #roots: readonly string[];
  #lists: readonly ControllerCerts[] = [];

  constructor(parts: { disk: Disk; clock: Clock; roots: readonly string[] }) {
    this.#disk = parts.disk;
    this.#clock = parts.clock;
    this.#roots = parts.roots;
  }

  /** What was believed before this start. */
  async load(log: Log): Promise<void> {
    const raw = await this.#disk.read(path);
    if (raw === undefined) return;
    try {
      this.#lists = [readControllerCerts(raw, this.#roots, undefined)];
    } catch (error) {
      log.warn("the controller's stored certificates are of no use; they are asked for again", { error });
    }
  }

  /** The newest first; empty until the controller was heard. */
  get lists(): readonly ControllerCerts[] {
    return this.#lists;
  }

  /** Believes a list that just came; throws ControllerCertsError when it may not be believed. */
  async learn(raw: Uint8Array, whose: "any" | "never an older key" = "any"): Promise<void> {
    const list = readControllerCerts(raw, this.#roots, this.#clock.now());
    const [newest] = this.#lists;
    if (whose !== "any" && newest !== undefined && list.signing.since < newest.signing.since)
      throw new ControllerCertsError("the list holds an older signing key than the one believed");
    if (newest !== undefined && Buffer.compare(newest.raw, raw) === 0) return;
    await this.#disk.writeDurable(path, raw);
    this.#lists = newest === undefined ? [list] : [list, newest];
  }

  /** The payload of an answer; throws UnknownSignerError or BadSignatureError. */
  open(envelope: Uint8Array): Uint8Array {
    return openEnvelope(envelope, this.#lists);
  }

  /** Checks a list without dates: for what is read back from the disk. */
  reread(raw: Uint8Array): ControllerCerts {
    return readControllerCerts(raw, this.#roots, undefined);
  }
}
