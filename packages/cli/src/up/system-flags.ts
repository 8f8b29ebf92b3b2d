import { resolve } from "node:path";
import { UsageError } from "../io.ts";
import { defaultDir } from "../layout.ts";

/** A node's cable, bridge port and address must fit a /24. */
const nodesMax = 100;

/** Which local system is meant: what `up` and `demo` are told of it. */
export function systemFlags(values: {
  readonly nodes?: string;
  readonly dir?: string;
  readonly port: string;
}): {
  readonly nodes: number;
  readonly dir: string;
  readonly port: number;
} {
  return {
    nodes: wholeNumber("--nodes", values.nodes ?? "1", 0, nodesMax),
    dir: systemDir(values.dir),
    // The node API takes the port after it.
    port: wholeNumber("--port", values.port, 1, 65_534),
  };
}

export function systemDir(dir: string | undefined): string {
  if (dir === "") throw new UsageError("--dir: names no folder");
  return resolve(dir ?? defaultDir());
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`${flag} ${JSON.stringify(text)}: write a whole number from ${min} to ${max}`);
  return value;
}
