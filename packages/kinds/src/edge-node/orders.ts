/** EdgeNode.spec.commands and .system: what a box is to do once, and which system it is to run. */
import { parseImageReference, type Schema } from "@selvedge/apimachinery";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";

/** Each is a count: the box does it once whenever the number grows. */
export interface EdgeNodeCommands {
  reboot?: number;
  shutdown?: number;
}

export interface EdgeNodeSystem {
  /** What the image calls itself: a box that runs this version does nothing. */
  version: string;
  /** An OCI image of the system. */
  image: string;
  /** False: fetched and kept ready, not started. Unset means true. */
  activate?: boolean;
  /** Grows: a version that failed on this box before is tried once more. */
  retry?: number;
}

/** What a box can tell from any other number: EVE has 32 bits. */
const countMax = 2_147_483_647;
const versionMax = 256;
const imageMax = 512;

function countOf(description: string): Schema {
  return { type: "integer", format: "int64", minimum: 0, maximum: countMax, description };
}

export const commandsSchema: Schema = objectOf(
  "What it is to do once. Each is a count that starts at 0: raise it, and the box does it when it next asks.",
  {
    reboot: countOf("How often it was told to reboot."),
    shutdown: countOf("How often it was told to stop its apps and make ready to be switched off."),
  },
);

export const systemSchema: Schema = objectOf(
  "Which system it is to run, for boxes that run EVE. It goes back to the one before when the new one cannot " +
    "reach the controller. When not said, it keeps what it has.",
  {
    version: textOf("The version, exactly as the image calls itself and status.system.version will.", {
      ...{ minLength: 1, maxLength: versionMax },
    }),
    image: textOf("The OCI image, such as lfedge/eve:13.4.0-kvm-amd64.", {
      ...{ minLength: 1, maxLength: imageMax },
    }),
    activate: {
      type: "boolean",
      description: "False fetches it into the other slot and does not start it. True when not said.",
    },
    retry: countOf("Raise it to try a version again that failed on this box."),
  },
  ["version", "image"],
);

/** Another controller may have told it counts that we would not: all that the wire can carry. */
const saidMax = 2 ** 32 - 1;

/** Of the status: what the box has carried out. */
export const carriedOutSchema: Schema = objectOf("The commands it has carried out, as it says.", {
  reboot: { ...countOf("The count of spec.commands.reboot it knows."), maximum: saidMax },
  shutdown: { ...countOf("The count of spec.commands.shutdown it knows."), maximum: saidMax },
});

export function commandFaults(
  commands: EdgeNodeCommands | undefined,
  before: EdgeNodeCommands | undefined,
  faults: Faults,
): void {
  for (const name of ["reboot", "shutdown"] as const) {
    const [now = 0, was = 0] = [commands?.[name], before?.[name]];
    // A box acts on any other number.
    if (now < was) faults.invalid(`spec.commands.${name}`, now, `is a count and must not fall below ${was}`);
  }
}

export function systemFaults(system: EdgeNodeSystem | undefined, faults: Faults): void {
  if (system === undefined) return;
  const parsed = parseImageReference(system.image);
  if ("fault" in parsed) faults.invalid("spec.system.image", system.image, parsed.fault);
}
