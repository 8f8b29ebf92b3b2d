/** Where a box gets certificates from, and the ports that show them to their switch. */
import { create, toBinary } from "@bufbuild/protobuf";
import { cipher, type config, netconfig, scep } from "@selvedge/eve-api";
import type { EdgeNode, EdgeNodePort, ScepHash, ScepKey, ScepProfile, Secret } from "@selvedge/kinds";
import type { NodeFault, NodeSecrets } from "./node-secrets.ts";

const { KeyType: Key, HashAlgorithm: Hash } = scep;

const keys: Readonly<Record<ScepKey, scep.KeyType>> = {
  "RSA-2048": Key.RSA_2048,
  "RSA-3072": Key.RSA_3072,
  "RSA-4096": Key.RSA_4096,
  "ECDSA-P256": Key.ECDSA_P256,
  "ECDSA-P384": Key.ECDSA_P384,
  "ECDSA-P521": Key.ECDSA_P521,
};
const hashes: Readonly<Record<ScepHash, scep.HashAlgorithm>> = {
  "SHA-256": Hash.SHA256,
  "SHA-384": Hash.SHA384,
  "SHA-512": Hash.SHA512,
};

/** The challenge is in its block alone; without one the block before stays. */
export function scepProfilesOf(
  { spec }: EdgeNode,
  sealed: ReadonlyMap<string, cipher.CipherBlock>,
  previous: config.EdgeDevConfig | undefined,
): scep.SCEPProfile[] {
  return (spec.scepProfiles ?? []).map((profile) => {
    const { name, url, throughController = false, challengeRef, caCertificates = [] } = profile;
    const before = previous?.scepProfiles.find(({ profileName }) => profileName === name);
    const block = sealed.get(challengeName(profile)) ?? before?.scepChallengePassword;
    return create(scep.SCEPProfileSchema, {
      ...{ profileName: name, scepUrl: url, useControllerProxy: throughController },
      ...(challengeRef !== undefined && block !== undefined && { scepChallengePassword: block }),
      caCertPem: caCertificates.map((pem) => new Uint8Array(Buffer.from(pem, "utf8"))),
      csrProfile: requestOf(profile),
    });
  });
}

function requestOf({ request }: ScepProfile): scep.CSRProfile {
  const { commonName, organization = "", organizationalUnit = "", country = "", state = "" } = request;
  const { locality = "", renewAtPercent = 0, key, hash } = request;
  return create(scep.CSRProfileSchema, {
    ...{ commonName, organization, organizationalUnit, country, state, locality },
    sanDns: [...(request.dnsNames ?? [])],
    sanIp: [...(request.ipAddresses ?? [])],
    sanUri: [...(request.uris ?? [])],
    sanEmail: [...(request.emailAddresses ?? [])],
    renewPeriodPercent: renewAtPercent,
    keyType: key === undefined ? Key.UNSPECIFIED : keys[key],
    hashAlgorithm: hash === undefined ? Hash.UNSPECIFIED : hashes[hash],
  });
}

export function authenticationsOf(ports: readonly EdgeNodePort[]): netconfig.PNAC[] {
  return ports.flatMap(({ name: logicallabel, authentication }) =>
    authentication === undefined
      ? []
      : create(netconfig.PNACSchema, {
          ...{ logicallabel, eapIdentity: authentication.identity },
          eapMethod: netconfig.EAPMethod.EAP_METHOD_TLS,
          certEnrollmentProfileName: authentication.scepProfile,
        }),
  );
}

/** What of it is to be encrypted, by name, and what cannot be. */
export function scepSecrets(
  { spec }: EdgeNode,
  secret: (namespace: string, name: string) => Secret | undefined,
): NodeSecrets {
  const sealings = new Map<string, Uint8Array>();
  const faults: NodeFault[] = [];
  for (const profile of spec.scepProfiles ?? []) {
    if (profile.challengeRef === undefined) continue;
    const { namespace, name } = profile.challengeRef;
    const data = secret(namespace, name)?.data;
    const password = Buffer.from(data?.["password"] ?? "", "base64").toString("utf8");
    const fault = data === undefined ? "not found" : password === "" ? "has no password" : undefined;
    if (fault !== undefined) {
      faults.push({ part: `SCEP profile ${profile.name}`, message: `secret ${namespace}/${name} ${fault}` });
      continue;
    }
    const block = create(cipher.EncryptionBlockSchema, { scepChallengePassword: password });
    sealings.set(challengeName(profile), toBinary(cipher.EncryptionBlockSchema, block));
  }
  return { sealings, faults };
}

function challengeName({ name }: ScepProfile): string {
  return `scep/${name}`;
}
