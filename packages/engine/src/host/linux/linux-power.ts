/** Takes the box down, or what stands for it. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { PowerError, type PowerSwitch } from "../../operator/power.ts";

const run = promisify(execFile);

/** The box itself, through its service manager. */
export class SystemPower implements PowerSwitch {
  readonly #heard: string | undefined;

  /** `heard`: a file that somebody waits for. */
  constructor(heard: string | undefined) {
    this.#heard = heard;
  }

  async reboot(): Promise<void> {
    await systemctl("reboot");
  }

  async powerOff(): Promise<void> {
    await systemctl("poweroff");
  }

  async proven(): Promise<void> {
    if (this.#heard !== undefined) await writeFile(this.#heard, "");
  }
}

async function systemctl(verb: "reboot" | "poweroff"): Promise<void> {
  try {
    await run("systemctl", [verb]);
  } catch (cause) {
    throw new PowerError(`systemctl ${verb} failed`, { cause });
  }
}

/**
 * An engine that shares a box with others may not take it down: it ends instead of rebooting, and whoever
 * keeps it running starts it again.
 */
export class EnginePower implements PowerSwitch {
  readonly #end: (why: string) => void;

  constructor(end: (why: string) => void) {
    this.#end = end;
  }

  async reboot(): Promise<void> {
    this.#end("the node reboots");
  }

  async powerOff(): Promise<void> {
    throw new PowerError("this engine may not switch its box off: it runs without --power system");
  }
}
