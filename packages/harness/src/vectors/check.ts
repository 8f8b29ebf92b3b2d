/** What became of one vector. */
export interface Check {
  readonly name: string;
  /** Undefined: it is as it should be. */
  readonly fault: string | undefined;
  /** Why it is judged by something else than what was recorded. */
  readonly note?: string;
}

/** Runs `check` and turns what it throws into a fault. */
export async function checking(name: string, check: () => Promise<string | undefined>): Promise<Check> {
  try {
    return { name, fault: await check() };
  } catch (error) {
    return { name, fault: error instanceof Error ? error.message : String(error) };
  }
}
