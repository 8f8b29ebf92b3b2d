import { LinkClosedError } from "@selvedge/eve-api";
import type { AppInstance } from "../app-instance.ts";
import type { Guest } from "../hypervisor.ts";

/** What one kind of stream works on. */
export interface StreamTarget {
  readonly app: AppInstance;
  /** The container's number; 0 for streams about the whole app. */
  readonly index: number;
  readonly container: string;
  /** Who attaches and ends the input ends it for the container. */
  readonly stdinOnce: boolean;
}

/** Begins to serve; what it returns goes on once the other end knows that the stream is open. */
export type Serve = () => Promise<void>;

export function guestOf(app: AppInstance): Guest {
  const { guest } = app.machine;
  if (guest?.connected !== true)
    throw new LinkClosedError(`pod ${app.record.spec.pod.name} does not run on this node now`, "NotFound");
  return guest;
}
