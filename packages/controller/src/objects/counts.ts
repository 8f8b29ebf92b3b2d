/** Counts as upstream shows them: a zero is left out, but where the kind always says it. */
export function withoutZeros<T extends object>(status: T, always: readonly (keyof T)[]): T {
  const shown = Object.entries(status).filter(
    ([name, value]) => value !== 0 || always.includes(name as keyof T),
  );
  return Object.fromEntries(shown) as T;
}
