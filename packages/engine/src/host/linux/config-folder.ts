/** Reads the folder that the fitter put on the box. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type EnrolmentConfig,
  type EnrolmentFile,
  enrolmentFiles,
  parseEnrolmentConfig,
} from "../../control/enrolment-config.ts";

export async function readEnrolmentConfig(folder: string): Promise<EnrolmentConfig> {
  const files: Partial<Record<EnrolmentFile, string>> = {};
  for (const name of enrolmentFiles) {
    const text = await readIfThere(join(folder, name));
    if (text !== undefined) files[name] = text;
  }
  return parseEnrolmentConfig(files, (await readIfThere("/sys/class/dmi/id/product_serial")) ?? "");
}

/** What firmware says of itself, in EVE's form; empty where there is no DMI. */
export async function readFirmwareVersion(): Promise<string> {
  const names = ["bios_vendor", "bios_version", "bios_date"];
  const parts = await Promise.all(names.map((name) => readIfThere(`/sys/class/dmi/id/${name}`)));
  const known = parts.flatMap((part) => (part?.trim() ? [part.trim()] : []));
  return known.join("-");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // DMI's serial is for root alone; a box that does not show it has its soft serial.
    if (code === "ENOENT" || code === "EACCES" || code === "ENODEV" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
