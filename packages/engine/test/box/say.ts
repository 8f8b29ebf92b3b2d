import { readFileSync } from "node:fs";

/** With the time since the box began: where it is slow is seen. */
export function say(what: string): void {
  console.log(`${readFileSync("/proc/uptime", "utf8").split(" ")[0]} ${what}`);
}
