import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The root of the checkout this command runs from. */
export const checkout: string = resolve(import.meta.dirname, "../../..");

/** The pinned Node, which runs every program of ours. */
export const nodeBinary: string = join(checkout, "node_modules", ".bin", "node");

/** The main file of one of our programs; the CLI starts programs, it never imports them. */
export function programMain(name: "controller" | "engine" | "os" | "console"): string {
  return join(checkout, "packages", name, "src", "main.ts");
}

/** One of the harness's entry points: `sim`, `bench`, `vectors`. */
export function harnessMain(name: "sim" | "bench" | "vectors"): string {
  return join(checkout, "packages", "harness", "src", `main-${name}.ts`);
}

export function defaultDir(): string {
  return join(homedir(), ".selvedge");
}
