/** ZHardwareHealth: errors that the memory counted, and the disks by their names, at a slow pace. */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Clock,
  describeError,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
} from "@selvedge/base";
import { hardwareHealth } from "@selvedge/eve-api";
import type { BlockDevice, HardwareProbe, MemoryController } from "../../hardware/hardware.ts";
import { Alarm } from "../alarm.ts";
import type { ControllerClient } from "../controller-client.ts";
import type { Settings } from "../settings/settings.ts";

export interface HealthLoopParts {
  readonly client: ControllerClient;
  readonly standIn: () => ControllerClient | undefined;
  readonly hardware: HardwareProbe;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
}

/** EVE's pause after a failure. */
const retry: Millis = minutes(2);

export class HealthLoop {
  readonly #parts: HealthLoopParts;
  readonly #alarm = new Alarm();

  constructor(parts: HealthLoopParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, settings, log } = this.#parts;
    for (let failing = false; ; ) {
      let pause: Millis;
      try {
        await this.#send(signal);
        failing = false;
        pause = settings.seconds("timer.hardwarehealth.interval");
      } catch (error) {
        signal.throwIfAborted();
        if (!failing) log.warn("the health of the hardware cannot be told", { error: describeError(error) });
        failing = true;
        pause = retry;
      }
      await this.#alarm.wait(clock, millis(pause * (0.9 + 0.1 * random.next())), signal);
    }
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { client, standIn, hardware, clock, node } = this.#parts;
    if (client.isSilent && standIn() === undefined) throw new Error("the controller does not answer");
    const controllers = await hardware.memoryControllers();
    const disks = await hardware.disks();
    const message = create(hardwareHealth.ZHardwareHealthSchema, {
      ...{ devId: node(), atTimeStamp: timestampFromMs(clock.now()) },
      mr: { memoryControllers: controllers.map(memoryOf) },
      disks: disks.map(diskOf),
    });
    const payload = toBinary(hardwareHealth.ZHardwareHealthSchema, message);
    const to = { node: node(), answer: "plain" } as const;
    // The console hears it as well; the controller is whose answer counts.
    const other = standIn()
      ?.post("hardwarehealth", payload, to, signal)
      .catch(() => undefined);
    const { status } = await client.post("hardwarehealth", payload, to, signal);
    await other;
    if (status >= 500 || status === 401 || status === 403 || status === 429)
      throw new Error(`the controller answers hardwarehealth with ${status}`);
  }
}

function memoryOf({ name, corrected, uncorrected, ranks }: MemoryController): {
  controllerName: string;
  ceCount: bigint;
  ueCount: bigint;
  ranks: { rankName: string; ceCount: bigint; ueCount: bigint }[];
} {
  return {
    ...{ controllerName: name, ceCount: corrected, ueCount: uncorrected },
    ranks: ranks.map((rank) => ({
      ...{ rankName: rank.name, ceCount: rank.corrected, ueCount: rank.uncorrected },
    })),
  };
}

function diskOf({ name, model, serial, wwn }: BlockDevice): {
  diskName: string;
  model: string;
  serialNumber: string;
  wwn: string;
  collectorErrors: string;
} {
  return {
    ...{ diskName: name, model, serialNumber: serial, wwn },
    collectorErrors: "SMART attributes are not read by this engine",
  };
}
