import type { Attestation } from "../gateway/attestation.ts";
import { EventLogError, type MeasuredEvent, readEventLog } from "../gateway/event-log.ts";
import type { NodeId } from "../ports.ts";

/** What a node's TPM has signed, with the values that spec.measuredBoot may name, and its log of events. */
export function provedBy(
  attestation: Pick<Attestation, "of" | "failureOf" | "measurementsOf" | "eventLogOf">,
): { of(node: NodeId): unknown } {
  return {
    of(node) {
      const measured = attestation.measurementsOf(node);
      if (measured === undefined) return undefined;
      const attested = attestation.of(node);
      const failure = attestation.failureOf(node);
      const gzip = attestation.eventLogOf(node);
      return {
        ...(attested && { proof: attested.proof, at: new Date(attested.at).toISOString() }),
        ...(failure && { lastFailure: failure }),
        ...measured,
        ...(gzip && { events: eventsOf(gzip) }),
      };
    },
  };
}

function eventsOf(gzip: Uint8Array): readonly MeasuredEvent[] {
  try {
    return readEventLog(gzip).events;
  } catch (error) {
    // Its summary says why.
    if (error instanceof EventLogError) return [];
    throw error;
  }
}
