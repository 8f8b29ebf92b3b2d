/** Reads the folder that the fitter put on the box. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  bootstrapFile,
  type EnrolmentConfig,
  type EnrolmentFile,
  enrolmentFiles,
  parseEnrolmentConfig,
} from "../../control/enrolment-config.ts";

export async function readEnrolmentConfig(folder: string): Promise<EnrolmentConfig> {
  const files: Partial<Record<EnrolmentFile, string>> = {};
  for (const name of enrolmentFiles) {
    const text = await readText(join(folder, name));
    if (text !== undefined) files[name] = text;
  }
  const config = parseEnrolmentConfig(files, (await readText("/sys/class/dmi/id/product_serial")) ?? "");
  const bootstrap = await readIfThere(join(folder, bootstrapFile));
  return bootstrap === undefined ? config : { ...config, bootstrap };
}

/** What firmware says of itself, in EVE's form; empty where there is no DMI. */
export async function readFirmwareVersion(): Promise<string> {
  const names = ["bios_vendor", "bios_version", "bios_date"];
  const parts = await Promise.all(names.map((name) => readText(`/sys/class/dmi/id/${name}`)));
  const known = parts.flatMap((part) => (part?.trim() ? [part.trim()] : []));
  return known.join("-");
}

async function readText(path: string): Promise<string | undefined> {
  return (await readIfThere(path))?.toString("utf8");
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // DMI's serial is for root alone; a box that does not show it has its soft serial.
    if (code === "ENOENT" || code === "EACCES" || code === "ENODEV" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
