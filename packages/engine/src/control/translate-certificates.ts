/** SCEP profiles → CertificateSpecs, and which of them a port shows. Pure. A fault of one is of no other. */
import { X509Certificate } from "node:crypto";
import { type config, netconfig, scep } from "@selvedge/eve-api";
import type { CertificateSpec } from "../certificate/certificate-spec.ts";
import type { PortSpec } from "../desired.ts";
import { secretOf } from "./translate-wireless.ts";

const { KeyType, HashAlgorithm } = scep;
/** Of a certificate's life, where a profile says nothing; as EVE has it. */
const renewAtUsual = 50;
const keyBits: Readonly<Record<number, CertificateSpec["request"]["keyBits"]>> = {
  [KeyType.UNSPECIFIED]: 2048,
  [KeyType.RSA_2048]: 2048,
  [KeyType.RSA_3072]: 3072,
  [KeyType.RSA_4096]: 4096,
};
const hashes: Readonly<Record<number, CertificateSpec["request"]["hash"]>> = {
  [HashAlgorithm.UNSPECIFIED]: "sha256",
  [HashAlgorithm.SHA256]: "sha256",
  [HashAlgorithm.SHA384]: "sha384",
  [HashAlgorithm.SHA512]: "sha512",
};

export function translateCertificates(message: config.EdgeDevConfig): CertificateSpec[] {
  const specs = new Map<string, CertificateSpec>();
  for (const [at, profile] of message.scepProfiles.entries()) {
    const spec = translateProfile(profile, `scep_profiles[${at}]`, message);
    // Of two of a name the first counts, as it does for who asks for it.
    if (!specs.has(spec.name)) specs.set(spec.name, spec);
  }
  return [...specs.values()];
}

function translateProfile(
  profile: scep.SCEPProfile,
  field: string,
  message: config.EdgeDevConfig,
): CertificateSpec {
  const faults: string[] = [];
  const { profileName: name, scepUrl: url, csrProfile } = profile;
  if (name === "") faults.push(`${field}.profile_name: is empty`);
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    faults.push(`${field}.scep_url: ${JSON.stringify(url)} is no address of http or https`);
  const roots = profile.caCertPem.map((pem) => new TextDecoder().decode(pem));
  if (roots.length === 0) faults.push(`${field}.ca_cert_pem: is empty; nobody would vouch for the authority`);
  if (!roots.every(isCertificate)) faults.push(`${field}.ca_cert_pem: is no certificate as PEM`);
  if (csrProfile === undefined) faults.push(`${field}.csr_profile: is missing`);
  const { keyType = 0, hashAlgorithm = 0, renewPeriodPercent = 0 } = csrProfile ?? {};
  const bits = keyBits[keyType];
  if (bits === undefined)
    faults.push(`${field}.csr_profile.key_type: ${keyType} is none of RSA's (1 to 3), which SCEP needs`);
  const hash = hashes[hashAlgorithm];
  if (hash === undefined) faults.push(`${field}.csr_profile.hash_algorithm: ${hashAlgorithm} is not known`);
  if (renewPeriodPercent > 99)
    faults.push(`${field}.csr_profile.renew_period_percent: ${renewPeriodPercent} is not below 100`);
  const { commonName = "", organization = "", organizationalUnit = "", country = "" } = csrProfile ?? {};
  const { state = "", locality = "", sanDns = [], sanIp = [], sanUri = [], sanEmail = [] } = csrProfile ?? {};
  if (commonName === "" && sanUri.length === 0 && sanDns.length === 0)
    faults.push(`${field}.csr_profile.common_name: write it, or a name that it stands for`);
  const clear = { user: "", password: "" };
  const challenge = secretOf(profile.scepChallengePassword, clear, message, `${field} challenge`, faults);
  return {
    ...{ name, url, throughController: profile.useControllerProxy, challenge, roots },
    request: {
      ...{ commonName, organization, organizationalUnit, country, state, locality },
      ...{ dnsNames: [...sanDns], ipAddresses: [...sanIp], uris: [...sanUri], emailAddresses: [...sanEmail] },
      ...{
        renewAtPercent: renewPeriodPercent || renewAtUsual,
        keyBits: bits ?? 2048,
        hash: hash ?? "sha256",
      },
    },
    ...(faults[0] === undefined ? {} : { fault: faults[0] }),
  };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** How a port proves to its switch who the node is; undefined: it need not. Without it the port still speaks. */
export function authenticationOf(
  labels: readonly string[],
  { pnacs, scepProfiles }: config.EdgeDevConfig,
): PortSpec["authentication"] {
  const faults: string[] = [];
  const wanted = pnacs.find(({ logicallabel }) => labels.includes(logicallabel));
  if (wanted === undefined) return undefined;
  const { eapMethod, eapIdentity: identity, certEnrollmentProfileName: profile } = wanted;
  const { EAP_METHOD_TLS } = netconfig.EAPMethod;
  if (eapMethod !== EAP_METHOD_TLS) faults.push(`pnacs.eap_method: ${eapMethod} is not EAP-TLS (1)`);
  if (!scepProfiles.some(({ profileName }) => profileName === profile))
    faults.push(`pnacs.cert_enrollment_profile_name: no SCEP profile is called ${JSON.stringify(profile)}`);
  return { identity, profile, ...(faults[0] === undefined ? {} : { fault: faults[0] }) };
}
