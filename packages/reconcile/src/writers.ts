import type { Reconciler } from "./reconciler.ts";

type Declared = Pick<Reconciler, "name" | "reads" | "writes">;

/** Refuses two reconcilers that write the same kind of state: every fact has one writer. */
export function checkWriters(reconcilers: readonly Declared[]): void {
  const writers = new Map<string, string>();
  for (const { name, writes } of reconcilers) {
    for (const kind of writes) {
      const other = writers.get(kind);
      if (other !== undefined) throw new Error(`${kind} has two writers: ${other} and ${name}`);
      writers.set(kind, name);
    }
  }
}

/** Who reads and writes what, a line each: for `--graph` and for tests to compare. */
export function describeWriters(reconcilers: readonly Declared[]): string {
  return reconcilers
    .map(
      ({ name, reads, writes }) =>
        `${name}: ${reads.join(", ") || "nothing"} -> ${writes.join(", ") || "nothing"}`,
    )
    .join("\n");
}
