import type { ContentStatus } from "../observed.ts";
import type { AppEventInput } from "./app-events.ts";

type Phase = ContentStatus["phase"];

/** What there is to say of an image, from how it stood when last looked at and how it stands now. Pure. */
export function pullEvents(
  container: string,
  image: string,
  before: Phase | undefined,
  now: ContentStatus | undefined,
): AppEventInput[] {
  const event = (type: "Normal" | "Warning", reason: string, message: string): AppEventInput => ({
    ...{ type, reason, message, container },
  });
  if (now === undefined || now.phase === before) return [];
  const pulls = (phase: Phase | undefined): boolean =>
    phase === "resolving" || phase === "downloading" || phase === "building";
  if (now.phase === "failed")
    return [
      event("Warning", "Failed", `Failed to pull image "${image}": ${now.message}`),
      event("Normal", "BackOff", `Back-off pulling image "${image}"`),
    ];
  if (now.phase === "ready") {
    const message = pulls(before)
      ? `Successfully pulled image "${image}". Image size: ${now.sizeBytes} bytes.`
      : `Container image "${image}" already present on machine`;
    return [event("Normal", "Pulled", message)];
  }
  return pulls(now.phase) && !pulls(before) ? [event("Normal", "Pulling", `Pulling image "${image}"`)] : [];
}
