/** ZHardwareHealth: errors that the memory counted, and what disks say of themselves, at a slow pace. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
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
import { hardwareHealth, type info } from "@selvedge/eve-api";
import type { DiskHealth, HardwareProbe, MemoryController } from "../../hardware/hardware.ts";
import { Alarm } from "../alarm.ts";
import type { ControllerClient } from "../controller-client.ts";
import type { Settings } from "../settings/settings.ts";
import { outcomeOf } from "./answer.ts";
import { diskOf } from "./hardware-info.ts";

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
    const health = new Map((await hardware.diskHealth()).map((it) => [it.name, it]));
    const message = create(hardwareHealth.ZHardwareHealthSchema, {
      ...{ devId: node(), atTimeStamp: timestampFromMs(clock.now()) },
      mr: { memoryControllers: controllers.map(memoryOf) },
      disks: disks.map((it) => ({ ...diskOf(it), ...healthOf(health.get(it.name)) })),
    });
    const payload = toBinary(hardwareHealth.ZHardwareHealthSchema, message);
    const to = { node: node(), answer: "plain" } as const;
    // The console hears it as well; the controller is whose answer counts.
    const other = standIn()
      ?.post("hardwarehealth", payload, to, signal)
      .catch(() => undefined);
    const { status } = await client.post("hardwarehealth", payload, to, signal);
    await other;
    if (outcomeOf(status) === "again")
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

export function healthOf(
  health: DiskHealth | undefined,
): Pick<MessageInitShape<typeof info.StorageDiskInfoSchema>, "collectorErrors" | "smartAttr"> {
  if (health === undefined) return { collectorErrors: "the disk was not asked" };
  // The verdict is no attribute of theirs: one of ours says it, for whoever looks for what has failed.
  const verdict = { id: 0, value: 0n, worst: 0n, thresh: 0n, whenFailed: "now", rawValue: 1n, type: "" };
  return {
    collectorErrors: health.error,
    smartAttr: [
      ...(health.passed === false ? [{ ...verdict, attributeName: "Overall_Health" }] : []),
      ...health.attributes.map(({ id, name, value, worst, threshold, raw, failed, type }) => ({
        ...{ id, attributeName: name, value: BigInt(value), worst: BigInt(worst), type },
        ...{ thresh: BigInt(threshold), rawValue: BigInt(raw), whenFailed: failed },
      })),
    ],
  };
}
