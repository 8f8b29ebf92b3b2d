/** What a fitter would put on a box's USB stick: the folder from which an engine enrols itself. */
import { randomBytes } from "node:crypto";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import "reflect-metadata";
import { BasicConstraintsExtension, PemConverter, X509CertificateGenerator } from "@peculiar/x509";

export interface OnboardingPair {
  readonly certificate: string;
  readonly key: string;
}

/** Onboarding certificates are replaced long before this; the profile, not the date, is what admits a box. */
const validityYears = 20;

/** A self-signed P-256 pair, as EVE's onboarding certificates are. */
export async function makeOnboardingPair(name: string, now: Date): Promise<OnboardingPair> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + validityYears);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString("hex"),
    name: `CN=${name}, O=Selvedge`,
    // A day back: the box's clock may be behind ours.
    notBefore: new Date(now.getTime() - 86_400_000),
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { certificate: `${certificate.toString("pem")}\n`, key: `${key}\n` };
}

export interface NodeConfig {
  readonly server: string;
  readonly rootCertificate: string;
  readonly onboarding: OnboardingPair;
  /** Not there: the box knows its own. */
  readonly serial?: string;
}

/** Writes the folder once; a box that has enrolled keeps what it was given. */
export async function writeNodeConfig(folder: string, config: NodeConfig): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files: readonly (readonly [string, string])[] = [
    ["server", `${config.server}\n`],
    ["root-certificate.pem", config.rootCertificate],
    ["onboard.cert.pem", config.onboarding.certificate],
    ["onboard.key.pem", config.onboarding.key],
    ...(config.serial === undefined ? [] : [["soft_serial", `${config.serial}\n`] as const]),
  ];
  for (const [name, content] of files) {
    const path = join(folder, name);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    // The address may change between two starts of the system; everything else is kept.
    if (!exists || name === "server") await writeFile(path, content, { mode: 0o600 });
  }
}
