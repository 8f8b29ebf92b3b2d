/** The parts of a configuration that are about the node itself and its operators. Pure. */
import type { config } from "@selvedge/eve-api";
import type { Datastore, NodeWishes } from "../desired.ts";
import { ConfigFault } from "./config-fault.ts";

export function translateNode(
  message: config.EdgeDevConfig,
  datastores: ReadonlyMap<string, Datastore> = new Map(),
): NodeWishes {
  const { localProfileServer: server, locConfig } = message;
  const consoleUrl = locConfig?.locUrl ?? "";
  // EVE uses the first and no other.
  const collectTo = datastores.get(locConfig?.datastoreCollectInfoId[0]?.toLowerCase() ?? "");
  return {
    rebootCounter: message.reboot?.counter,
    shutdownCounter: message.shutdown?.counter,
    maintenance: message.maintenanceMode,
    profile: message.globalProfile,
    localServer: server === "" ? undefined : localServer(server, message.profileServerToken),
    operatorConsole: consoleUrl === "" ? undefined : operatorConsole(consoleUrl),
    ...(collectTo === undefined ? {} : { collectTo }),
    system: systemOf(message),
    names: {
      device: message.deviceName,
      project: message.projectName,
      projectId: message.projectId,
      enterprise: message.enterpriseName,
      enterpriseId: message.enterpriseId,
      manufacturer: message.manufacturer,
      product: message.productName,
    },
  };
}

/** Where a local profile server listens when the configuration does not say. */
const localServerPort = 8888;

function localServer(text: string, token: string): NodeWishes["localServer"] {
  const [, v6, name, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = v6 ?? name;
  const number = port === undefined ? localServerPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535)
    throw new ConfigFault("local_profile_server", `${JSON.stringify(text)} is not host or host:port`);
  return { host, port: number, token };
}

function operatorConsole(url: string): { readonly url: string } {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new ConfigFault("loc_config.loc_url", `${JSON.stringify(url)} is not a URL of http or https`);
  return { url: url.replace(/\/+$/, "") };
}

function systemOf({ baseos }: config.EdgeDevConfig): NodeWishes["system"] {
  if (baseos === undefined) return undefined;
  return {
    version: baseos.baseOsVersion,
    activate: baseos.activate,
    retry: baseos.retryUpdate?.counter ?? 0,
  };
}
