/** What a node may run, as its owner says, and what it has proved that it runs. */
import type { MeasuredBoot } from "@selvedge/kinds";

/** What a TPM's quote covers, and what the node says besides. */
export interface Measurements {
  /** EVE's version, as the node says. */
  readonly system: string;
  /** Of the firmware: vendor, version and date, as the node says; empty when it does not. */
  readonly firmware: string;
  /** Registers of the SHA-256 bank that were quoted, in hexadecimal. */
  readonly registers: Readonly<Record<string, string>>;
}

/**
 * Why these are not what is allowed; undefined when they are. Names of versions only choose the row: what
 * counts are the registers. The message is of the row that is nearest.
 */
export function measurementFault(allowed: MeasuredBoot, measured: Measurements): string | undefined {
  const rows = allowed.allowed.filter(
    ({ system, firmware }) => matches(system, measured.system) && matches(firmware, measured.firmware),
  );
  if (rows.length === 0) {
    const { system, firmware } = measured;
    return `spec.measuredBoot allows nothing for system "${system}" on firmware "${firmware}"`;
  }
  const faults = rows.map(({ registers }) =>
    Object.entries(registers).filter(([index, value]) => measured.registers[index] !== value.toLowerCase()),
  );
  const [nearest = []] = faults.sort((left, right) => left.length - right.length);
  if (nearest.length === 0) return undefined;
  const list = nearest.map(([index]) => `${index} is ${measured.registers[index] ?? "not quoted"}`);
  return `registers differ from what spec.measuredBoot allows: ${list.join(", ")}`;
}

/** `*` stands for any text; a pattern that is not said takes all. */
function matches(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined || pattern === "*") return true;
  const parts = pattern.split("*");
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = index === parts.length - 1 ? text.length - part.length : text.indexOf(part, at);
    if (found < at || !text.startsWith(part, found) || (index === 0 && found !== 0)) return false;
    at = found + part.length;
  }
  return parts.length > 1 || text === pattern;
}
