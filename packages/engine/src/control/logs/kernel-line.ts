/** Lines of the kernel's log, as /dev/kmsg gives them. Pure. */
import { type Instant, instant } from "@selvedge/base";

export interface KernelLine {
  /** Counts on within a boot. */
  readonly sequence: number;
  /** Syslog's: 0 is an emergency, 7 is for debugging. */
  readonly severity: number;
  readonly at: Instant;
  readonly text: string;
}

/** By number, in syslog's words, which are those of EVE. */
export const severityWords = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] as const;

/** `6,31791,77331255245,-;svb0: port 1 entered disabled state`, and behind it lines that say of what it is. */
export function parseKernelLine(record: string, bootedAt: Instant): KernelLine | undefined {
  const [, prefix, sequence, micros, text] = /^(\d+),(\d+),(\d+)[^;]*;([^\n]*)/.exec(record) ?? [];
  // Programs may write there, too; what they say is in the system's own log.
  if (prefix === undefined || Number(prefix) >> 3 !== 0) return undefined;
  return {
    sequence: Number(sequence),
    severity: Number(prefix) & 7,
    at: instant(bootedAt + Math.floor(Number(micros) / 1000)),
    text: unescaped(text ?? ""),
  };
}

/** What is not printed is written as \x and two digits, a backslash as well. */
function unescaped(text: string): string {
  if (!text.includes("\\x")) return text;
  const bytes = [...text.matchAll(/\\x([0-9a-f]{2})|([^\\]+|\\)/g)].map(([, hex, plain = ""]) =>
    hex === undefined ? Buffer.from(plain) : Buffer.from(hex, "hex"),
  );
  return Buffer.concat(bytes).toString();
}

/** Whether a line is to be kept with a setting: that severe, or more. */
export function isSevere({ severity }: Pick<KernelLine, "severity">, setting: string): boolean {
  if (setting === "none") return false;
  if (setting === "all") return true;
  return severity <= severityWords.indexOf(setting as (typeof severityWords)[number]);
}
