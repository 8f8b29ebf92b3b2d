import { fromBinary } from "@bufbuild/protobuf";
import { certs, type cipher } from "@selvedge/eve-api";
import type { ControllerCerts } from "./controller-certs.ts";

/** Far more than a controller rotates through while one configuration is in force. */
const olderMax = 8;

/**
 * The certificates to keep beside a configuration: the list that vouches for it, and from the other lists the
 * ECDH certificates that its secrets were sealed under before the controller changed its own. Without them a
 * node that boots with no network could not open what it opened yesterday. Pure.
 */
export function certsToKeep(
  signer: ControllerCerts,
  contexts: readonly cipher.CipherContext[],
  lists: readonly ControllerCerts[],
): certs.ZCert[] {
  const kept = decode(signer);
  const wanted = new Set(contexts.map(({ controllerCertHash }) => controllerCertHash.toHex()));
  for (const hash of [...wanted].filter((it) => !signer.exchange.has(it)).slice(0, olderMax)) {
    const list = lists.find(({ exchange }) => exchange.has(hash));
    if (list === undefined) continue;
    for (const item of decode(list))
      if (item.certHash.toHex() === hash || item.type === certs.ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE)
        if (!kept.some(({ cert }) => Buffer.compare(cert, item.cert) === 0)) kept.push(item);
  }
  return kept;
}

function decode({ raw }: ControllerCerts): certs.ZCert[] {
  return fromBinary(certs.ZControllerCertSchema, raw).certs;
}
