/** Which of the box's processors a machine runs on. */
export interface MachineProcessors {
  /** One for each of its virtual processors, in their order; none: they run where the rest of it does. */
  readonly own: readonly number[];
  /** Those that no machine has for itself, for all else of it. */
  readonly shared: readonly number[];
}

/** The first is never given away: the node and the apps without any of their own need a place to run. */
export function spareProcessors(all: readonly number[], taken: ReadonlySet<number>): number[] {
  return all.slice(1).filter((processor) => !taken.has(processor));
}

export function sharedProcessors(all: readonly number[], taken: ReadonlySet<number>): number[] {
  return all.filter((processor) => !taken.has(processor));
}
