/** Every radio of the box, as Linux' rfkill has them. */
import { open } from "node:fs/promises";
import { ignoreMissing } from "../../network/linux/run.ts";

const device = "/dev/rfkill";
/** Of every type, also those that come later. */
const every = { type: 0, operation: 3 } as const;

/** A box without it has no radio that Linux could switch off. */
export async function silenceRadios(on: boolean): Promise<void> {
  const event = Buffer.alloc(8);
  event[4] = every.type;
  event[5] = every.operation;
  event[6] = on ? 1 : 0;
  try {
    await using file = await open(device, "w");
    await file.write(event);
  } catch (error) {
    ignoreMissing(error);
  }
}
