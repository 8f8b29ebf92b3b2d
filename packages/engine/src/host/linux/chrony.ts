/** What chrony says of where the box has its time from; nothing on a box without it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { TimeSource } from "../../hardware/hardware.ts";

const run = promisify(execFile);
/** It answers from memory, or its daemon is not there. */
const timeoutMs = 2000;
/** More sources than anybody configures. */
const sourcesMax = 32;

const modes: Readonly<Record<string, TimeSource["mode"]>> = { "^": "server", "=": "peer", "#": "clock" };
const states: Readonly<Record<string, TimeSource["state"]>> = {
  "*": "chosen",
  "+": "combined",
  "-": "outlier",
  x: "false",
  "~": "jittery",
  "?": "unreachable",
};

export async function readTimeSources(): Promise<readonly TimeSource[]> {
  const { stdout } = await run("chronyc", ["-c", "-n", "sources"], { timeout: timeoutMs }).catch(() => ({
    stdout: "",
  }));
  return parseSources(stdout);
}

/** Lines of `chronyc -c sources`: mode, state, name, stratum, poll, reach in octal, age, offset, measured, error. */
export function parseSources(text: string): readonly TimeSource[] {
  return text
    .split("\n")
    .slice(0, sourcesMax)
    .flatMap((line): TimeSource[] => {
      const [mode = "", state = "", address = "", stratum, poll, reach = "", , offset, , error] =
        line.split(",");
      if (modes[mode] === undefined || states[state] === undefined || address === "") return [];
      return [
        {
          ...{ address, mode: modes[mode], state: states[state], reach: Number.parseInt(reach, 8) || 0 },
          ...{ stratum: Number(stratum) || 0, poll: Number(poll) || 0 },
          ...{ offsetSeconds: Number(offset) || 0, errorSeconds: Number(error) || 0 },
        },
      ];
    });
}
