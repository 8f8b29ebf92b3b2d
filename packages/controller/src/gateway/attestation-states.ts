import { type Instant, jsonEqual } from "@selvedge/base";
import type { MeasuredBoot } from "@selvedge/kinds";
import type { NodeId, Records } from "../ports.ts";
import { EventLogError, readEventLog } from "./event-log.ts";
import type { Proof } from "./key-escrow.ts";
import { type Measurements, measurementFault } from "./measured-boot.ts";

export interface Attested {
  readonly proof: Proof;
  readonly at: Instant;
  /** What it said it runs. */
  readonly versions: readonly string[];
}

export interface AttestationState extends Attested {
  /** A hash over everything that was proved. */
  readonly proved: string;
  readonly token: Uint8Array;
}

/** What a node proved, with what its log of events says of it. */
export interface StoredMeasurements extends Measurements {
  readonly eventLog?:
    | { readonly fault: string }
    /** Which registers the events account for, and which they do not: systems measure on after firmware. */
    | { readonly events: number; readonly explained: readonly number[]; readonly other: readonly number[] };
}

interface Policy {
  readonly requireTPM?: boolean | undefined;
  readonly measuredBoot?: MeasuredBoot | undefined;
}

const stateBucket = "attestation";
const measurementsBucket = "measurements";
const logBucket = "event-logs";
/** EVE leaves out what would make its request longer than 62 KiB; ours are shorter. */
const logBytesMax = 64 * 1024;

/**
 * What was proved, in memory as far as every poll needs it and in the records as a whole: registers and
 * logs of a fleet would be most of what the controller remembers.
 */
export class AttestationStates {
  readonly #records: Records;
  readonly #states = new Map<NodeId, AttestationState>();
  /** What was found of a state under a rule: rules change rarely, polls come all day. */
  readonly #judged = new WeakMap<
    AttestationState,
    { readonly rule: MeasuredBoot; readonly fault: string | undefined }
  >();

  constructor(records: Records) {
    this.#records = records;
    for (const [node, record] of records.entries(stateBucket)) this.#states.set(node, parseState(record));
  }

  get(node: NodeId): AttestationState | undefined {
    return this.#states.get(node);
  }

  nodes(): readonly NodeId[] {
    return [...this.#states.keys()];
  }

  put(node: NodeId, state: AttestationState, measured: Measurements, eventLog: Uint8Array | undefined): void {
    const log = eventLog === undefined || eventLog.length > logBytesMax ? undefined : eventLog;
    // Without a TPM nothing was measured.
    const all = state.proof === "tpm" ? { ...measured, ...read(measured, eventLog) } : undefined;
    this.#keep(measurementsBucket, node, all && encode(all));
    this.#keep(logBucket, node, log);
    // Last, as it is what the node is believed by.
    this.#records.put(stateBucket, node, formatState(state));
    this.#states.set(node, state);
  }

  /** The node has to prove itself again; what it proved stays to be looked at. Returns whether it had. */
  withdraw(node: NodeId): boolean {
    if (!this.#states.delete(node)) return false;
    this.#records.delete(stateBucket, node);
    return true;
  }

  forget(node: NodeId): void {
    for (const bucket of [stateBucket, measurementsBucket, logBucket]) this.#records.delete(bucket, node);
    this.#states.delete(node);
  }

  measurements(node: NodeId): StoredMeasurements | undefined {
    const record = this.#records.get(measurementsBucket, node);
    return record && (JSON.parse(new TextDecoder().decode(record)) as StoredMeasurements);
  }

  eventLog(node: NodeId): Uint8Array | undefined {
    return this.#records.get(logBucket, node);
  }

  /** Why this proof is not enough under this policy. */
  shortcoming(node: NodeId, state: AttestationState, policy: Policy): string | undefined {
    const { measuredBoot: rule } = policy;
    if (rule === undefined || state.proof !== "tpm") return shortcoming(state.proof, nothing, policy);
    const known = this.#judged.get(state);
    if (known !== undefined && (known.rule === rule || jsonEqual(known.rule, rule))) return known.fault;
    const fault = shortcoming(state.proof, this.measurements(node) ?? nothing, policy);
    this.#judged.set(state, { rule, fault });
    return fault;
  }

  /** A write costs a disk's time, and most boots are like the one before. */
  #keep(bucket: string, node: NodeId, value: Uint8Array | undefined): void {
    const before = this.#records.get(bucket, node);
    if (value === undefined) {
      if (before !== undefined) this.#records.delete(bucket, node);
    } else if (before === undefined || Buffer.compare(before, value) !== 0) {
      this.#records.put(bucket, node, value);
    }
  }
}

const nothing: Measurements = { system: "", firmware: "", registers: {} };

/** Why a proof is not what the owner asks for; undefined when it is. */
export function shortcoming(proof: Proof, measured: Measurements, policy: Policy): string | undefined {
  const { requireTPM, measuredBoot } = policy;
  if (proof === "software" && requireTPM === true) {
    return "spec.requireTPM: the node must prove what it runs with a TPM";
  }
  if (measuredBoot === undefined) return undefined;
  if (proof === "software") return "spec.measuredBoot: the node must prove what it runs with a TPM";
  return measurementFault(measuredBoot, measured);
}

function read(
  { registers }: Measurements,
  gzip: Uint8Array | undefined,
): Pick<StoredMeasurements, "eventLog"> {
  if (gzip === undefined) return {};
  try {
    const { events, registers: replayed } = readEventLog(gzip);
    const known = [...replayed].filter(([index]) => registers[index] !== undefined);
    const indices = (good: boolean): number[] =>
      known.filter(([index, value]) => (registers[index] === value.toHex()) === good).map(([index]) => index);
    return { eventLog: { events: events.length, explained: indices(true), other: indices(false) } };
  } catch (error) {
    if (!(error instanceof EventLogError)) throw error;
    return { eventLog: { fault: error.message } };
  }
}

function parseState(record: Uint8Array): AttestationState {
  const { token, ...rest } = JSON.parse(new TextDecoder().decode(record)) as AttestationState & {
    token: string;
  };
  return { ...rest, token: Uint8Array.fromHex(token) };
}

function formatState(state: AttestationState): Uint8Array {
  return encode({ ...state, token: state.token.toHex() });
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
