import { globSync } from "node:fs";
import { checkout } from "../layout.ts";

interface Patterns {
  readonly files: readonly string[];
  readonly not?: RegExp;
}

const integration = /\.integration\.test\.ts$/;

/** Which files belong to which group of tests, in the order they run. */
const groups: Readonly<Record<string, Patterns>> = {
  unit: { files: ["packages/*/{src,test}/**/*.test.ts", "tools/**/*.test.ts"], not: integration },
  sim: { files: ["tests/sim/**/*.test.ts"] },
  integration: {
    files: ["packages/*/test/**/*.integration.test.ts", "tests/integration/**/*.test.ts"],
  },
  system: { files: ["tests/system/**/*.test.ts"] },
  interop: { files: ["tests/interop/**/*.test.ts"] },
};

export const groupNames: readonly string[] = Object.keys(groups);

/** The files of a group, as paths from the checkout. */
export function filesOfGroup(name: string): readonly string[] {
  const { files, not } = groups[name] ?? { files: [] };
  return files
    .flatMap((pattern) =>
      globSync(pattern, { cwd: checkout, exclude: (path) => path.includes("node_modules") }),
    )
    .filter((path) => not === undefined || !not.test(path))
    .sort();
}
