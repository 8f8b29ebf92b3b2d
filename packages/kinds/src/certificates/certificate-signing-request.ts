import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, humanDuration, nameColumn } from "../columns.ts";
import { base64Length } from "../data-rules.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
  int32,
  kindMessage,
  type Member,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  texts,
  time,
} from "../fields.ts";
import { builtIn } from "../kind.ts";

export interface CertificateSigningRequest extends KubeObject {
  apiVersion: "certificates.k8s.io/v1";
  kind: "CertificateSigningRequest";
  spec: {
    /** PEM of a PKCS #10 request, in base64. */
    request: string;
    signerName: string;
    expirationSeconds?: number;
    usages?: string[];
    username?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
  };
  status?: {
    conditions?: CertificateCondition[];
    /** PEM of the certificate and those above it, in base64. */
    certificate?: string;
  };
}

export interface CertificateCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastUpdateTime?: string | null;
  lastTransitionTime?: string | null;
}

function bytes(number: number, description: string, isNeeded = false): Member {
  const schema = { type: "string", format: "byte", description } as const;
  return { number, schema, wire: { type: "bytes" }, needed: isNeeded };
}

const extra: Member = {
  number: 6,
  schema: {
    type: "object",
    description: "What else is known of the asker. The server fills it in.",
    additionalProperties: { type: "array", items: { type: "string" } },
  },
  wire: { type: "map", values: "texts" },
  needed: false,
};

const spec: Message = message("What is asked for. It cannot be changed.", {
  request: bytes(1, "PEM of a PKCS #10 request.", true),
  signerName: text(7, "Who is to sign it: kubernetes.io/kube-apiserver-client for users.", needed),
  expirationSeconds: int32(8, "How long the certificate should be good; the signer may give less.", pointer),
  usages: texts(
    5,
    "What the key is to be used for: digital signature, key encipherment, client auth.",
    atomic,
  ),
  username: text(2, "Who asks. The server fills it in."),
  uid: text(3, "The asker's uid. The server fills it in."),
  groups: texts(4, "The asker's groups. The server fills it in.", atomic),
  extra,
});

const condition: Message = message("A decision about the request.", {
  type: text(1, "Approved, Denied or Failed.", needed),
  status: text(6, "True; Failed and others may be False or Unknown.", needed),
  reason: text(2, "Why, as one word."),
  message: text(3, "Why, for people."),
  lastUpdateTime: time(4, "When it was last written."),
  lastTransitionTime: time(5, "Since when."),
});

const status: Message = message("What became of it.", {
  conditions: objects(
    1,
    condition,
    "Decisions: approved or denied by people, failed by the signer.",
    // Patches replace them all.
    { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
  ),
  certificate: bytes(2, "PEM of the certificate, once it is signed."),
});

const request: Message = kindMessage("Asks for a certificate. Somebody approves it, a signer signs it.", {
  spec: object(2, spec, "What is asked for.", needed),
  status: object(3, status, "What became of it."),
});

const usages = [
  ...["any", "cert sign", "client auth", "code signing", "content commitment", "crl sign"],
  ...["data encipherment", "decipher only", "digital signature", "email protection", "encipher only"],
  ...["ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc"],
  ...["netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"],
];
const part = {
  kind: "CertificateSigningRequest",
  verbs: ["get", "patch", "update"],
};

export const certificateSigningRequestKind: KindDefinition = builtIn(request, {
  group: "certificates.k8s.io",
  version: "v1",
  kind: "CertificateSigningRequest",
  plural: "certificatesigningrequests",
  singular: "certificatesigningrequest",
  shortNames: ["csr"],
  namespaced: false,
  hasGeneration: false,
  selectableFields: ["spec.signerName"],
  subresources: { status: true, others: [{ name: "approval", ...part }] },
  applyDefaults: (made, old) => {
    const csr = made as CertificateSigningRequest;
    // What was asked for stays asked for, whatever else is said: but for what is no base64, which is refused.
    const text = (csr.spec?.request ?? "").replaceAll(/[\r\n]/g, "");
    if (old !== undefined && base64Length(text) !== undefined)
      csr.spec = (old as CertificateSigningRequest).spec;
  },
  validate: (made, old) =>
    validate(made as CertificateSigningRequest, old as CertificateSigningRequest | undefined),
  columns: [
    nameColumn,
    ageColumn,
    column<CertificateSigningRequest>("SignerName", "Who signs it.", ({ spec: of }) => of.signerName),
    column<CertificateSigningRequest>("Requestor", "Who asked.", ({ spec: of }) => of.username ?? ""),
    column<CertificateSigningRequest>("RequestedDuration", "How long it should be good.", ({ spec: of }) =>
      of.expirationSeconds === undefined ? "<none>" : humanDuration(of.expirationSeconds),
    ),
    column<CertificateSigningRequest>("Condition", "What became of it.", conditionText),
  ],
});

/** `Approved,Issued` */
function conditionText({ status: of = {} }: CertificateSigningRequest): string {
  const has = (type: string): boolean => of.conditions?.some((one) => one.type === type) === true;
  const decided = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return `${decided}${has("Failed") ? ",Failed" : ""}${of.certificate ? ",Issued" : ""}`;
}

/** Upstream's: shorter ones would be renewed all the time. */
const secondsMin = 600;
/** What stands before it is for whoever reads it. */
const requestPattern =
  /(?:^|\n)-----BEGIN (NEW )?CERTIFICATE REQUEST-----\n[^-]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;

function validate(
  { spec: of, status: is = {} }: CertificateSigningRequest,
  old: CertificateSigningRequest | undefined,
): FieldError[] {
  const faults = new Faults();
  if (of === undefined) return [];
  if (old === undefined) {
    if (!requestPattern.test(textOf(of.request ?? ""))) {
      faults.invalid("spec.request", of.request, "PEM block type must be CERTIFICATE REQUEST");
    }
    checkSigner(faults, of.signerName);
    if ((of.usages ?? []).length === 0) faults.required("spec.usages");
  }
  const seen = new Set<string>();
  for (const [index, usage] of (of.usages ?? []).entries()) {
    faults.oneOf(`spec.usages[${index}]`, usage, usages);
    if (seen.has(usage)) faults.duplicate(`spec.usages[${index}]`, usage);
    seen.add(usage);
  }
  const { expirationSeconds: seconds } = of;
  if (seconds !== undefined && seconds < secondsMin) {
    faults.invalid(
      "spec.expirationSeconds",
      seconds,
      "may not specify a duration less than 600 seconds (10 minutes)",
    );
  }
  checkConditions(faults, is.conditions ?? [], old?.status?.conditions ?? []);
  const before = old?.status?.certificate;
  if (is.certificate && is.certificate !== before) {
    const fault = certificateFault(textOf(is.certificate));
    if (fault !== undefined) faults.invalid("status.certificate", "<certificate data>", fault);
  }
  if (before && is.certificate !== before) {
    faults.forbidden("status.certificate", "updates may not modify existing certificate content");
  }
  return faults.errors;
}

/** Nothing but certificates, one after another; what stands around them is for whoever reads it. */
function certificateFault(pem: string): string | undefined {
  const types = [...pem.matchAll(/^-----BEGIN ([^\n]+)-----\n[^-]+-----END \1-----\s*$/gm)];
  if (types.length === 0) return "must contain at least one CERTIFICATE PEM block";
  const [, other] = types.find(([, type]) => type !== "CERTIFICATE") ?? [];
  return other && `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(other)}`;
}

function checkSigner(faults: Faults, name: string | undefined): void {
  const field = "spec.signerName";
  if (!name) faults.required(field);
  else if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name)) {
    faults.invalid(
      field,
      name,
      "must be a fully qualified domain and path of the form 'example.com/signer-name'",
    );
  } else if (name === "kubernetes.io/legacy-unknown") {
    faults.invalid(field, name, "the legacy signerName is not allowed via this API version");
  }
}

function checkConditions(
  faults: Faults,
  conditions: readonly CertificateCondition[],
  before: readonly CertificateCondition[],
): void {
  const field = "status.conditions";
  const decided = ["Approved", "Denied", "Failed"];
  for (const [index, { type, status: value }] of conditions.entries()) {
    const at = `${field}[${index}]`;
    if (!type) faults.required(`${at}.type`);
    if (!value) faults.required(`${at}.status`);
    else if (decided.includes(type)) faults.oneOf(`${at}.status`, value, ["True"]);
    else faults.oneOf(`${at}.status`, value, ["True", "False", "Unknown"]);
    if (conditions.findIndex((one) => one.type === type) < index) faults.duplicate(`${at}.type`, type);
  }
  const has = (list: readonly CertificateCondition[], type: string): boolean =>
    list.some((one) => one.type === type);
  if (has(conditions, "Approved") && has(conditions, "Denied")) {
    const later = conditions.findLast(({ type }) => type === "Approved" || type === "Denied");
    faults.invalid(field, later?.type, "Approved and Denied conditions are mutually exclusive");
  }
  for (const type of decided) {
    if (has(before, type) && !has(conditions, type)) {
      faults.forbidden(field, `updates may not remove a condition of type "${type}"`);
    }
  }
}

function textOf(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64));
  } catch {
    // What is no base64 is no request either, and that is what is said of it.
    return "";
  }
}
