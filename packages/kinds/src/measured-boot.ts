/** Which measurements of a box's start its owner takes, for EdgeNode and EnrollmentProfile. */
import type { Schema } from "@selvedge/apimachinery";
import { objectOf, textOf } from "./edge-schemas.ts";
import type { Faults } from "./faults.ts";

export interface MeasuredBoot {
  allowed: AllowedMeasurements[];
  /** Numbers of the registers that the box seals its vault to; as it likes when unset. */
  vaultRegisters?: number[];
}

export interface AllowedMeasurements {
  /** The system's version, as the box says; `*` stands for any text. Any when not said. */
  system?: string;
  firmware?: string;
  /** SHA-256 registers by number, in hexadecimal; what is not named may be anything. */
  registers: Record<string, string>;
}

/** Hardware in a fleet, times versions in use at once. */
const allowedMax = 256;
const registersMax = 24;
/** Others are not covered by what nodes quote. */
const registerMax = 15;
const versionMax = 256;

export const measuredBootSchema: Schema = objectOf(
  "What a TPM must have measured. A box that starts anything else gets no configuration, and no key of its vault.",
  {
    allowed: {
      type: "array",
      description: "One of these must be so.",
      minItems: 1,
      maxItems: allowedMax,
      items: objectOf(
        "Registers of one system on one firmware.",
        {
          system: textOf("Version of the system, with * for any text. Any when not said.", {
            maxLength: versionMax,
          }),
          firmware: textOf("Vendor, version and date of the firmware, with * for any text.", {
            maxLength: versionMax,
          }),
          registers: {
            type: "object",
            description: "Values by number of the register, in hexadecimal. Others may be anything.",
            additionalProperties: { type: "string", maxLength: 64 },
            maxProperties: registersMax,
          },
        },
        ["registers"],
      ),
    },
    vaultRegisters: {
      type: "array",
      description:
        "What its vault opens for without the controller: the registers it is sealed to, from its next start " +
        "on. As the box likes when not said.",
      minItems: 1,
      maxItems: registersMax,
      "x-kubernetes-list-type": "set",
      items: { type: "integer", format: "int32", minimum: 0, maximum: registerMax },
    },
  },
  ["allowed"],
);

export function measuredBootFaults(field: string, measured: MeasuredBoot | undefined, faults: Faults): void {
  for (const [index, { registers }] of (measured?.allowed ?? []).entries()) {
    const at = `${field}.allowed[${index}].registers`;
    if (Object.keys(registers).length === 0) faults.required(at, "name one register at least");
    for (const [number, value] of Object.entries(registers)) {
      if (!/^(\d|1[0-5])$/.test(number)) faults.invalid(at, number, "must be a number from 0 to 15");
      if (!/^[0-9a-fA-F]{64}$/.test(value)) {
        faults.invalid(`${at}[${number}]`, value, "must be SHA-256 in hexadecimal: 64 digits");
      }
    }
  }
}
