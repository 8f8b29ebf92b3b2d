import type { EdgeNode, EnrollmentProfile } from "@selvedge/kinds";
import { ageOf } from "../objects/age.ts";
import { admitsSerial, isAdmitted, readCertificate } from "./admission.ts";

/** A box that asks to become a node. */
export interface Box {
  /** Hashes over the DER forms, in hexadecimal. */
  readonly onboardingHash: string;
  readonly deviceHash: string;
  readonly devicePem: string;
  /** In the order they are tried: the hardware's, then the one it was configured with. Without empty ones. */
  readonly serials: readonly string[];
}

export interface Known {
  readonly profiles: readonly EnrollmentProfile[];
  readonly edgeNodes: readonly EdgeNode[];
}

/** What is to be done about it. */
export type RegistrationPlan =
  /** It has an EdgeNode already. */
  | { readonly type: "known"; readonly edgeNode: EdgeNode; readonly profile: string | undefined }
  /** It waited as a stranger, and now there is a profile that lets it in. */
  | { readonly type: "approve"; readonly edgeNode: EdgeNode; readonly profile: EnrollmentProfile }
  /** Its owner made an EdgeNode for this serial beforehand; the certificate goes in there. */
  | { readonly type: "adopt"; readonly edgeNode: EdgeNode; readonly profile: string; readonly serial: string }
  | {
      readonly type: "create";
      readonly name: string;
      readonly approved: boolean;
      readonly serial: string;
      /** Undefined for a stranger. */
      readonly profile: EnrollmentProfile | undefined;
    }
  | { readonly type: "conflict"; readonly message: string }
  | { readonly type: "refused"; readonly message: string };

/** Boxes nobody has ever heard of that may wait at once: enough for a human to look through. */
export const strangersMax = 100;
/** Boxes with a known onboarding certificate that may wait: a whole delivery. */
const waitingMax = 10_000;
/** Long enough to tell boxes apart in a list, short enough for a label. */
const nameMax = 50;
const suffixLength = 8;

export function planRegistration(box: Box, known: Known): RegistrationPlan {
  const [own] = known.edgeNodes
    .filter((edgeNode) => hashOf(edgeNode) === box.deviceHash)
    .sort((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1));
  const ofBatch = known.profiles.filter(
    ({ spec }) => readCertificate(spec.onboardingCertificate)?.hash.toHex() === box.onboardingHash,
  );
  const [match] = box.serials.flatMap((serial) =>
    ofBatch.filter((profile) => admitsSerial(profile, serial)).map((profile) => ({ profile, serial })),
  );
  if (own !== undefined) {
    const stranger = waits(own) && own.status?.profile === undefined;
    if (stranger && match?.profile.spec.approve === "Automatic") {
      return { type: "approve", edgeNode: own, profile: match.profile };
    }
    return { type: "known", edgeNode: own, profile: match?.profile.metadata.name ?? own.status?.profile };
  }
  if (ofBatch.length > 0 && match === undefined) {
    const serials = box.serials.map((serial) => JSON.stringify(serial)).join(" or ") || "none";
    return {
      type: "refused",
      message: `no EnrollmentProfile with this certificate admits serial ${serials}`,
    };
  }
  return match === undefined ? planStranger(box, known) : planMember(box, known, match);
}

function planMember(
  box: Box,
  known: Known,
  { profile, serial }: { readonly profile: EnrollmentProfile; readonly serial: string },
): RegistrationPlan {
  const sameSerial = known.edgeNodes.filter(
    (edgeNode) => serial !== "" && serialOf(edgeNode) === serial && edgeNode.spec.approved !== false,
  );
  const taken = sameSerial.find((edgeNode) => hasCertificate(edgeNode));
  if (taken !== undefined) {
    const owner = `EdgeNode ${taken.metadata.name}, which has another certificate`;
    const message = `serial ${serial} belongs to ${owner}; delete it to let this box in`;
    return { type: "conflict", message };
  }
  const prepared =
    sameSerial[0] ?? known.edgeNodes.find((edgeNode) => isPreparedFor(edgeNode, profile, serial));
  if (prepared !== undefined) {
    return { type: "adopt", edgeNode: prepared, profile: profile.metadata.name, serial };
  }
  const approved = profile.spec.approve === "Automatic";
  const waiting = known.edgeNodes.filter((one) => waits(one) && one.status?.profile !== undefined).length;
  if (!approved && waiting >= waitingMax) return tooMany(waiting);
  const template = profile.spec.nodeName ?? "{serial}";
  const name = freeName(template.replaceAll("{serial}", serial), box, known);
  return { type: "create", name, approved, serial, profile };
}

function planStranger(box: Box, known: Known): RegistrationPlan {
  const strangers = known.edgeNodes.filter((one) => waits(one) && one.status?.profile === undefined).length;
  if (strangers >= strangersMax) return tooMany(strangers);
  const [serial = ""] = box.serials;
  const name = freeName(serial, box, known);
  return { type: "create", name, approved: false, serial, profile: undefined };
}

function tooMany(count: number): RegistrationPlan {
  return {
    type: "refused",
    message: `${count} boxes wait for approval already; approve or delete some EdgeNodes`,
  };
}

/** An EdgeNode that its owner made under the name this box would get, without saying which box it is for. */
function isPreparedFor(edgeNode: EdgeNode, profile: EnrollmentProfile, serial: string): boolean {
  const name = nameFrom((profile.spec.nodeName ?? "{serial}").replaceAll("{serial}", serial));
  const { spec, metadata } = edgeNode;
  return (
    name !== "" &&
    metadata.name === name &&
    !hasCertificate(edgeNode) &&
    !spec.serial &&
    spec.approved !== false
  );
}

/** A box that a human must look at. */
function waits(edgeNode: EdgeNode): boolean {
  return hasCertificate(edgeNode) && !isAdmitted(edgeNode) && edgeNode.status?.nodeID === undefined;
}

function hasCertificate({ spec }: EdgeNode): boolean {
  return spec.deviceCertificate !== undefined && spec.deviceCertificate !== "";
}

function serialOf({ spec, status }: EdgeNode): string | undefined {
  return spec.serial ?? status?.serial;
}

/** The status has the hash once the reconciler was there; before that the certificate itself is looked at. */
function hashOf({ spec, status }: EdgeNode): string | undefined {
  if (spec.deviceCertificate === undefined) return undefined;
  return status?.deviceCertificateHash ?? readCertificate(spec.deviceCertificate)?.hash.toHex();
}

/**
 * The wanted name if it is free; else, or when nothing is wanted, one that ends in the certificate's hash.
 */
function freeName(wanted: string, box: Box, { edgeNodes }: Known): string {
  const name = nameFrom(wanted);
  const suffix = box.deviceHash.slice(0, suffixLength);
  if (name === "") return `node-${suffix}`;
  return edgeNodes.some(({ metadata }) => metadata.name === name) ? `${name}-${suffix}` : name;
}

/** Text made fit for an object's name; empty when nothing of it is. */
function nameFrom(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/(?:^|\.)[-.]+|[-.]+(?=\.|$)/g, (part) => (part.startsWith(".") && part.length > 1 ? "." : ""))
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, nameMax)
    .replace(/[-.]+$/, "");
}
