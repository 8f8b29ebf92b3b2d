/** Revisions as clients write them. */
import type { KubeObject } from "@selvedge/apimachinery";
import { StatusError } from "../status-error.ts";
import { badRequest } from "./refusals.ts";

/** The revision to list at; 0 for absent. */
export function listRevision(text: string | undefined): number {
  const { revision, fault } = parseRevision(text);
  if (fault !== undefined) throw badRequest(`invalid resource version: ${fault}`);
  return revision;
}

/** The revision to read or watch from; 0 for absent. Upstream takes another for a failure of its own. */
export function readRevision(text: string | undefined): number {
  const { revision, fault } = parseRevision(text);
  if (fault !== undefined) throw new StatusError(500, "", fault);
  return revision;
}

/** A written object may say which one its writer has seen. */
export function checkSeen({ metadata: { resourceVersion } }: KubeObject): void {
  const { fault } = parseRevision(resourceVersion);
  if (fault !== undefined) throw new StatusError(500, "", fault.slice(fault.indexOf("strconv")));
}

/** Whether a text names one: what does not is nothing that upstream's store holds against who creates. */
export function isRevision(text: string | undefined): boolean {
  const { revision, fault } = parseRevision(text);
  return fault === undefined && revision !== 0;
}

/** Upstream's revisions have 64 bits. */
const revisionMax = 2n ** 64n - 1n;

function parseRevision(text = ""): { readonly revision: number; readonly fault?: string } {
  const isNumber = /^\d*$/.test(text);
  // Longer ones than any number of that size, but for zeros in front: not worth taking apart.
  if (isNumber && text.length < 64 && BigInt(text) <= revisionMax) return { revision: Number(text) };
  const value = JSON.stringify(text);
  const why = isNumber ? "value out of range" : "invalid syntax";
  const fault = `resourceVersion: Invalid value: ${value}: strconv.ParseUint: parsing ${value}: ${why}`;
  return { revision: 0, fault };
}
