/**
 * What a box is given on the ladder when its network says nothing by itself: its ports and config items, signed, in
 * EVE's BootstrapConfig. It is made before the box has shown any key, so passwords of Wi-Fi are in it in clear.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { auth, certs, cipher, config, decodeEnvelope, type netconfig } from "@selvedge/eve-api";
import type { EdgeNode, EdgeNodePort, Secret } from "@selvedge/kinds";
import type { ControllerIdentity } from "../pki/controller-identity.ts";
import { configItemsOf } from "./node-config.ts";
import { portSecretName, portSecrets, renderPorts } from "./node-ports.ts";

/** It cannot be made; the message names the part of the EdgeNode. */
export class BootstrapConfigError extends Error {
  override name = "BootstrapConfigError";
}

export interface BootstrapInputs {
  readonly edgeNode: EdgeNode;
  readonly secret: (namespace: string, name: string) => Secret | undefined;
  readonly identity: ControllerIdentity;
}

export function bootstrapConfig({ edgeNode, secret, identity }: BootstrapInputs): Uint8Array {
  const { faults, sealings } = portSecrets(edgeNode, secret);
  for (const { part, message } of faults) throw new BootstrapConfigError(`${part}: ${message}`);
  // Who the node is to its switch needs a certificate, and it has none yet.
  const { pnacs: _, scepProfiles: __, ...ports } = renderPorts(edgeNode, new Map(), undefined);
  for (const [at, port] of (edgeNode.spec.ports ?? []).entries()) {
    const bytes = sealings.get(portSecretName(port));
    if (bytes !== undefined)
      tellInClear(port, ports.networks[at], fromBinary(cipher.EncryptionBlockSchema, bytes));
  }
  const { name = "", creationTimestamp } = edgeNode.metadata;
  // Without an id: the box has none yet, and EVE takes no configuration with that of another.
  const message = create(config.EdgeDevConfigSchema, {
    deviceName: edgeNode.spec.nodeName ?? name,
    // Before that of any configuration of the node: a box takes none that is older than what it has.
    ...(creationTimestamp && { configTimestamp: timestampFromMs(Date.parse(creationTimestamp)) }),
    configItems: configItemsOf(edgeNode),
    ...ports,
  });
  const envelope = identity.seal(toBinary(config.EdgeDevConfigSchema, message));
  const bootstrap = create(config.BootstrapConfigSchema, {
    signedConfig: fromBinary(auth.AuthContainerSchema, envelope),
    controllerCerts: vouchers(identity),
  });
  return toBinary(config.BootstrapConfigSchema, bootstrap);
}

function tellInClear(
  { name, wifi }: EdgeNodePort,
  network: netconfig.NetworkConfig | undefined,
  { wifiUserName: identity, wifiPassword: password }: cipher.EncryptionBlock,
): void {
  if (wifi === undefined)
    throw new BootstrapConfigError(
      `port ${name}: EVE's API has no place for a modem's password but an encrypted one, and the box has shown no ` +
        "key yet; let it come in by another port first",
    );
  for (const access of network?.wireless?.wifiCfg ?? []) Object.assign(access, { identity, password });
}

/** Whom the box needs to believe the signature; keys for secrets are none of its business yet. */
function vouchers({ certsAnswer }: ControllerIdentity): certs.ZCert[] {
  const { CERT_TYPE_CONTROLLER_SIGNING: signing, CERT_TYPE_CONTROLLER_INTERMEDIATE: between } =
    certs.ZCertType;
  const { payload } = decodeEnvelope(certsAnswer);
  return fromBinary(certs.ZControllerCertSchema, payload).certs.filter(
    ({ type }) => type === signing || type === between,
  );
}
