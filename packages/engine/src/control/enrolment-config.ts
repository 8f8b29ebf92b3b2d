/** What the fitter put on the box: where the controller is, whom to believe, and what to show at the door. */
import { createPrivateKey, X509Certificate } from "node:crypto";

export interface EnrolmentConfig {
  /** `https://host:port`, without a slash at the end. */
  readonly baseUrl: string;
  /** PEM, one certificate each: trusted for TLS and for the controller's signatures. */
  readonly roots: readonly string[];
  /** Missing on a box whose device certificate the controller knows in advance. */
  readonly onboarding: { readonly certificatePem: string; readonly keyPem: string } | undefined;
  readonly serial: string;
  readonly softSerial: string;
  /** bootstrap-config.pb: how the box reaches the controller where its network does not say. */
  readonly bootstrap?: Uint8Array;
}

/** A file of the folder cannot be used. */
export class EnrolmentConfigError extends Error {
  override name = "EnrolmentConfigError";
}

/** Names as EVE has them, so that a stick made for EVE works. */
export const enrolmentFiles = [
  "server",
  "root-certificate.pem",
  "v2tlsbaseroot-certificates.pem",
  "onboard.cert.pem",
  "onboard.key.pem",
  "soft_serial",
] as const;
/** Signed by the controller, and no text. */
export const bootstrapFile = "bootstrap-config.pb";
export type EnrolmentFile = (typeof enrolmentFiles)[number];

/** Longest serial the API takes. */
const serialMax = 256;

export function parseEnrolmentConfig(
  files: Readonly<Partial<Record<EnrolmentFile, string>>>,
  hardwareSerial: string,
): EnrolmentConfig {
  const server = (files.server ?? "").trim();
  if (server === "")
    throw new EnrolmentConfigError("server: the file is missing or empty; write host or host:port");
  // A bare host, host:port or [v6]:port; what a browser's address would have besides is a mistake.
  if (!/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.test(server))
    throw new EnrolmentConfigError(`server: ${JSON.stringify(server)} is not host or host:port`);
  const roots = ["root-certificate.pem", "v2tlsbaseroot-certificates.pem"] as const;
  const certificates = roots.flatMap((name) => splitPem(name, files[name] ?? ""));
  if (certificates.length === 0)
    throw new EnrolmentConfigError("root-certificate.pem: the file is missing or holds no certificate");
  const softSerial = (files.soft_serial ?? "").trim();
  if (!/^[A-Za-z0-9_-]*$/.test(softSerial) || softSerial.length > serialMax)
    throw new EnrolmentConfigError("soft_serial: letters, digits, - and _ only, at most 256");
  return {
    baseUrl: `https://${server}`,
    roots: [...new Set(certificates)],
    onboarding: parseOnboarding(files["onboard.cert.pem"], files["onboard.key.pem"]),
    // The kernel ends it with a line.
    serial: hardwareSerial.trim().slice(0, serialMax),
    softSerial,
  };
}

function parseOnboarding(certificate?: string, key?: string): EnrolmentConfig["onboarding"] {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined)
    throw new EnrolmentConfigError("onboard.cert.pem: missing beside onboard.key.pem");
  if (key === undefined) throw new EnrolmentConfigError("onboard.key.pem: missing beside onboard.cert.pem");
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (cause) {
    throw new EnrolmentConfigError("onboard.cert.pem: not a certificate in PEM", { cause });
  }
  let matches: boolean;
  try {
    matches = parsed.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new EnrolmentConfigError("onboard.key.pem: not a private key in PEM", { cause });
  }
  if (!matches) throw new EnrolmentConfigError("onboard.key.pem: not the key of onboard.cert.pem");
  return { certificatePem: certificate, keyPem: key };
}

function splitPem(name: string, text: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => {
    try {
      // The one form, so that equal certificates are one.
      return new X509Certificate(pem).toString();
    } catch (cause) {
      throw new EnrolmentConfigError(`${name}: holds something that is not a certificate`, { cause });
    }
  });
}
