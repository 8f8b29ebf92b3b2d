/** What disks say of their own health: SMART, as smartctl reads it. Nothing on a box without that program. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { DiskHealth } from "../../hardware/hardware.ts";

const run = promisify(execFile);
/** A disk that is about to die answers late. */
const timeoutMs = 20_000;
/** SATA knows 30 attributes, NVMe a dozen figures and some thermometers. */
const attributesMax = 100;
const outputMax = 2 ** 20;
/** A disk that sleeps is left asleep: it is asked another time. */
const options: readonly string[] = ["--json=c", "--info", "--health", "--attributes", "--nocheck=standby"];

type Run = (program: string, args: readonly string[]) => Promise<string>;

export async function readDiskHealth(name: string, ask: Run = smartctl): Promise<DiskHealth> {
  try {
    return parseHealth(name, await ask("smartctl", [...options, `/dev/${name}`]));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return unread(
      name,
      missing ? "smartctl is not there: install smartmontools" : "smartctl does not answer",
    );
  }
}

async function smartctl(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { timeout: timeoutMs, maxBuffer: outputMax })).stdout;
  } catch (error) {
    // It says with its exit status what it found, and all of it in what it wrote.
    const { stdout = "" } = error as { readonly stdout?: string };
    if (stdout === "") throw error;
    return stdout;
  }
}

/** As smartctl --json writes it; of all this nothing is certain to be there. */
interface Report {
  readonly smartctl?: { readonly messages?: readonly { readonly string?: string }[] };
  readonly smart_status?: { readonly passed?: boolean };
  readonly ata_smart_attributes?: { readonly table?: readonly AtaAttribute[] };
  readonly nvme_smart_health_information_log?: Readonly<Record<string, unknown>>;
  readonly temperature?: { readonly current?: number };
  readonly power_on_time?: { readonly hours?: number };
  readonly scsi_grown_defect_list?: number;
}

interface AtaAttribute {
  readonly id?: number;
  readonly name?: string;
  readonly value?: number;
  readonly worst?: number;
  readonly thresh?: number;
  readonly when_failed?: string;
  readonly flags?: { readonly prefailure?: boolean };
  readonly raw?: { readonly value?: number };
}

export function parseHealth(name: string, text: string): DiskHealth {
  let report: Report;
  try {
    report = JSON.parse(text) as Report;
  } catch {
    return unread(name, "smartctl wrote what is no JSON");
  }
  const attributes = [
    ...(report.ata_smart_attributes?.table ?? []).map(ofAta),
    ...ofNvme(report.nvme_smart_health_information_log ?? {}),
    ...ofScsi(report),
  ].slice(0, attributesMax);
  const passed = report.smart_status?.passed;
  if (attributes.length === 0 && passed === undefined) {
    const said = report.smartctl?.messages?.map((it) => it.string ?? "").join("; ");
    return unread(name, said || "the disk says nothing of its health");
  }
  return { name, passed, attributes, error: "" };
}

type Attribute = DiskHealth["attributes"][number];

function ofAta(it: AtaAttribute): Attribute {
  const type = it.flags?.prefailure === true ? "Pre-fail" : "Old_age";
  return {
    ...{ id: whole(it.id), name: it.name ?? "", value: whole(it.value), worst: whole(it.worst) },
    ...{ threshold: whole(it.thresh), raw: whole(it.raw?.value), failed: it.when_failed ?? "", type },
  };
}

/** Figures under their names, as the disk has them. A warning of any kind is the disk's word that it fails. */
function ofNvme(log: Readonly<Record<string, unknown>>): Attribute[] {
  return Object.entries(log).flatMap(([name, value]): Attribute[] => {
    if (Array.isArray(value))
      return value.flatMap((it, at) => figure(`${name.replace(/s$/, "")}_${at + 1}`, it));
    return figure(name, value, name === "critical_warning" && value !== 0 ? "now" : "");
  });
}

function ofScsi({ nvme_smart_health_information_log: nvme, ...report }: Report): Attribute[] {
  if (nvme !== undefined || report.ata_smart_attributes !== undefined) return [];
  return [
    ...figure("Temperature_Celsius", report.temperature?.current),
    ...figure("Power_On_Hours", report.power_on_time?.hours),
    ...figure("Grown_Defects", report.scsi_grown_defect_list),
  ];
}

function figure(name: string, value: unknown, failed = ""): Attribute[] {
  if (typeof value !== "number") return [];
  const raw = whole(value);
  return [{ id: 0, name, value: raw, worst: 0, threshold: 0, raw, failed, type: "" }];
}

function whole(value: number | undefined): number {
  return Number.isSafeInteger(value) && (value ?? 0) > 0 ? (value ?? 0) : 0;
}

function unread(name: string, error: string): DiskHealth {
  return { name, passed: undefined, attributes: [], error };
}
