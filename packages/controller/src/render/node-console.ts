/** Who stands in for the controller while a box cannot reach it, and where it puts what it knows of itself. */
import { create, toBinary } from "@bufbuild/protobuf";
import { cipher, config, storage } from "@selvedge/eve-api";
import type { BundleStore, EdgeNode, Secret } from "@selvedge/kinds";
import type { NodeFault, NodeSecrets } from "./node-secrets.ts";
import { stableId } from "./stable-id.ts";

export interface RenderedConsole {
  readonly locConfig?: config.LOCConfig;
  /** Where bundles go; not among those that content comes from. */
  readonly bundles?: storage.DatastoreConfig;
}

const bundlesName = "bundles";
const usualScheme = "Bearer";

/** Bundles go nowhere before their password is sealed; the console stands in all the same. */
export function renderConsole(
  { spec: { operatorConsole } }: EdgeNode,
  sealed: ReadonlyMap<string, cipher.CipherBlock>,
  previous: config.EdgeDevConfig | undefined,
): RenderedConsole {
  if (operatorConsole === undefined) return {};
  const bundles = operatorConsole.bundles && datastoreOf(operatorConsole.bundles, sealed, previous);
  const locConfig = create(config.LOCConfigSchema, {
    locUrl: withoutEnd(operatorConsole.url),
    datastoreCollectInfoId: bundles === undefined ? [] : [bundles.id],
  });
  return { locConfig, ...(bundles && { bundles }) };
}

/** EVE reads a whole URL there, and puts the path behind it. */
function datastoreOf(
  { url, caCertificates = [], credentialsRef }: BundleStore,
  sealed: ReadonlyMap<string, cipher.CipherBlock>,
  previous: config.EdgeDevConfig | undefined,
): storage.DatastoreConfig | undefined {
  const { origin, pathname, protocol } = new URL(url);
  const id = stableId(`bundles ${url}`);
  const block = sealed.get(bundlesName) ?? previous?.datastores.find((one) => one.id === id)?.cipherData;
  if (credentialsRef !== undefined && block === undefined) return undefined;
  return create(storage.DatastoreConfigSchema, {
    ...{ id, fqdn: origin, dpath: decodeURI(withoutEnd(pathname).slice(1)) },
    dType: protocol === "http:" ? storage.DsType.DsHttp : storage.DsType.DsHttps,
    dsCertPEM: caCertificates.map((pem) => new Uint8Array(Buffer.from(pem, "utf8"))),
    ...(credentialsRef !== undefined && block !== undefined && { cipherData: block }),
  });
}

/** What of it is to be encrypted, by name, and what cannot be. */
export function consoleSecrets(
  { spec: { operatorConsole } }: EdgeNode,
  secret: (namespace: string, name: string) => Secret | undefined,
): NodeSecrets {
  const sealings = new Map<string, Uint8Array>();
  const faults: NodeFault[] = [];
  const asked = operatorConsole?.bundles?.credentialsRef;
  if (asked === undefined) return { sealings, faults };
  const { namespace, name } = asked;
  const data = secret(namespace, name)?.data;
  const of = (key: string): string => Buffer.from(data?.[key] ?? "", "base64").toString("utf8");
  const [token, scheme] = [of("token"), of("scheme") || usualScheme];
  const fault = data === undefined ? "not found" : token === "" ? "has no token" : headerFault(scheme, token);
  if (fault !== undefined) {
    faults.push({ part: "bundles", message: `secret ${namespace}/${name} ${fault}` });
    return { sealings, faults };
  }
  const block = create(cipher.EncryptionBlockSchema, { dsAPIKey: scheme, dsPassword: token });
  sealings.set(bundlesName, toBinary(cipher.EncryptionBlockSchema, block));
  return { sealings, faults };
}

/** RFC 9110's token and token68: boxes of EVE upload nothing with others. */
function headerFault(scheme: string, token: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~A-Za-z0-9-]+$/.test(scheme)) return "has a scheme that is no word, such as Bearer";
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return undefined;
  return "has a token that no header takes: letters, digits and -._~+/ only, = at the end";
}

function withoutEnd(text: string): string {
  return text.replace(/\/+$/, "");
}
