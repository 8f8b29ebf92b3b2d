/** The shell of a world: its namespaces, cards and servers are made by the programs of the machine. */
import { execFileSync, spawnSync } from "node:child_process";

/** What a line of shell writes; one that fails is thrown. */
export function sh(line: string): string {
  return execFileSync("sh", ["-c", line], { encoding: "utf8" });
}

export function works(line: string): boolean {
  return spawnSync("sh", ["-c", line]).status === 0;
}

/**
 * Whether a TCP connection comes about, from a namespace or, where that is empty, from here. A server that is still
 * starting is asked again; what shall not be is given a moment only, since no answer is what is waited for.
 */
export function reaches(from: string, address: string, port: number, tries = 20): boolean {
  const nc = `timeout ${tries > 1 ? 5 : 0.3} busybox nc ${address} ${port} </dev/null`;
  const where = from === "" ? "" : `ip netns exec ${from}`;
  return works(`for i in $(seq ${tries}); do ${where} ${nc} && exit 0; sleep 0.1; done; exit 1`);
}
