/** Checks what only a mistake of ours can break; bad input gets an error of its own instead. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
