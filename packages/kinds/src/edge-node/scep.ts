/** EdgeNode.spec.scepProfiles: where a box gets certificates from, and what it asks for. */
import type { Schema } from "@selvedge/apimachinery";
import { certificateFault } from "../certificate.ts";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";
import { isAddress } from "../network/cidr.ts";

export interface ScepProfile {
  name: string;
  url: string;
  /** The box asks through the controller, which must then reach the URL. */
  throughController?: boolean;
  /** The Secret with the challenge, in its key `password`. */
  challengeRef?: { name: string; namespace: string };
  /** PEM, one certificate each: what the box believes the authority by. */
  caCertificates?: string[];
  request: ScepRequest;
}

export interface ScepRequest {
  commonName: string;
  organization?: string;
  organizationalUnit?: string;
  country?: string;
  state?: string;
  locality?: string;
  dnsNames?: string[];
  ipAddresses?: string[];
  uris?: string[];
  emailAddresses?: string[];
  renewAtPercent?: number;
  key?: ScepKey;
  hash?: ScepHash;
}

export type ScepKey = "ECDSA-P256" | "ECDSA-P384" | "ECDSA-P521" | "RSA-2048" | "RSA-3072" | "RSA-4096";
export type ScepHash = "SHA-256" | "SHA-384" | "SHA-512";

const scepKeys: ScepKey[] = [
  ...(["RSA-2048", "RSA-3072", "RSA-4096", "ECDSA-P256", "ECDSA-P384", "ECDSA-P521"] as const),
];
const scepHashes: ScepHash[] = ["SHA-256", "SHA-384", "SHA-512"];

/** A port whose switch lets in only who shows a certificate. */
export interface PortAuthentication {
  /** Of spec.scepProfiles. */
  scepProfile: string;
  identity: string;
}

const profilesMax = 16;
const nameMax = 63;
const urlMax = 2048;
const certificatesMax = 8;
const pemMax = 32_768;
const namesMax = 32;
const textMax = 255;
const words = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$";

const part = (description: string): Schema => textOf(description, { minLength: 1, maxLength: textMax });
const list = (description: string): Schema => ({
  ...{ type: "array", maxItems: namesMax, items: { type: "string", minLength: 1, maxLength: textMax } },
  description,
});

const requestSchema: Schema = objectOf(
  "What the box asks for.",
  {
    commonName: part("Common name of the subject."),
    organization: part("Organization of the subject."),
    organizationalUnit: part("Its unit."),
    country: textOf("Two letters.", { pattern: "^[A-Z]{2}$" }),
    state: part("State or province."),
    locality: part("Place."),
    dnsNames: list("Alternative names: host names."),
    ipAddresses: list("Alternative names: addresses."),
    uris: list("Alternative names: URIs."),
    emailAddresses: list("Alternative names: mail addresses."),
    renewAtPercent: {
      ...{ type: "integer", format: "int32", minimum: 1, maximum: 100 },
      description: "After how much of its life it is renewed; the box's own when not said.",
    },
    key: textOf("The kind of key; the box's own when not said.", { enum: scepKeys }),
    hash: textOf("The kind of hash; the box's own when not said.", { enum: scepHashes }),
  },
  ["commonName"],
);

export const scepProfilesSchema: Schema = {
  type: "array",
  description:
    "Authorities that give the box certificates by SCEP, for ports whose switch asks for one. For boxes that run EVE.",
  maxItems: profilesMax,
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
  items: objectOf(
    "One authority, and what the box asks of it.",
    {
      name: textOf("What ports call it.", { minLength: 1, maxLength: nameMax, pattern: words }),
      url: textOf("Where it is, by http or https.", { minLength: 1, maxLength: urlMax }),
      throughController: {
        type: "boolean",
        description:
          "Whether the box asks through the controller, which must then reach the URL. False when not said.",
      },
      challengeRef: objectOf(
        "A Secret with the challenge in its key password. It is encrypted to the box.",
        {
          name: textOf("Its name.", { minLength: 1 }),
          namespace: textOf("Its namespace.", { minLength: 1 }),
        },
        ["name", "namespace"],
      ),
      caCertificates: {
        ...{ type: "array", maxItems: certificatesMax, items: { type: "string", maxLength: pemMax } },
        description: "PEM of certificates by which the box believes it, one each.",
      },
      request: requestSchema,
    },
    ["name", "url", "request"],
  ),
};

export const portAuthenticationSchema: Schema = objectOf(
  "For a switch that lets in only who shows a certificate (802.1X with EAP-TLS).",
  {
    scepProfile: textOf("Of spec.scepProfiles: where the certificate is from.", { minLength: 1 }),
    identity: part("The name it gives first, which the switch sees."),
  },
  ["scepProfile", "identity"],
);

export function scepFaults(profiles: readonly ScepProfile[] | undefined, faults: Faults): void {
  for (const [at, { url, caCertificates = [], request }] of (profiles ?? []).entries()) {
    const field = `spec.scepProfiles[${at}]`;
    const fault = urlFault(url);
    if (fault !== undefined) faults.invalid(`${field}.url`, url, fault);
    for (const [place, pem] of caCertificates.entries()) {
      const wrong = certificateFault(pem);
      if (wrong !== undefined) faults.invalid(`${field}.caCertificates[${place}]`, "<certificate>", wrong);
    }
    for (const [place, address] of (request.ipAddresses ?? []).entries()) {
      if (!isAddress(address))
        faults.invalid(`${field}.request.ipAddresses[${place}]`, address, "must be an IP address");
    }
    for (const [place, uri] of (request.uris ?? []).entries()) {
      if (!URL.canParse(uri)) faults.invalid(`${field}.request.uris[${place}]`, uri, "must be a URI");
    }
  }
}

function urlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return "must be a URL, such as https://ca.example/scep";
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return "must begin with http:// or https://";
  if (username !== "" || password !== "") return "must have no user in it: the challenge is in challengeRef";
  return hash === "" ? undefined : "must have no fragment";
}
