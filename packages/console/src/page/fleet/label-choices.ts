import type { FleetRow } from "./fleet-rows.ts";

/** As many as somebody chooses from. */
const choicesMax = 60;

/** Labels that more than one node has, and not all of them: those that part a fleet. */
export function labelChoices(rows: readonly FleetRow[]): string[] {
  const counts = new Map<string, number>();
  for (const { labels } of rows) {
    for (const [key, value] of Object.entries(labels)) {
      const label = `${key}=${value}`;
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
  }
  return [...counts]
    .filter(([, count]) => count > 1 && count < rows.length)
    .sort(([left, most], [right, more]) => more - most || left.localeCompare(right))
    .slice(0, choicesMax)
    .map(([label]) => label);
}
