/**
 * EdgeDevConfig → DesiredState: the engine's side of the API's language, and the only place that reads it.
 * Pure. An app, volume, content tree or network that makes no sense is a fault of it alone: it stays as it was
 * in the configuration before, or waits where that had none, with the field to mend; the rest goes on
 * (config-fault.ts). What is wrong with the whole, and with what is of the node itself, makes the whole
 * unacceptable, so that the last good one goes on. What makes sense and only names something that is not there
 * makes those apps wait that need it, as EVE does.
 */
import { type config, ext, getExtension } from "@selvedge/eve-api";
import type { DesiredState } from "../desired.ts";
import type { Unread } from "../unread.ts";
import { ConfigFault, isUuid } from "./config-fault.ts";
import { translateApps } from "./translate-apps.ts";
import { translateCertificates } from "./translate-certificates.ts";
import { translateDevices } from "./translate-devices.ts";
import { translateEdgeview } from "./translate-edgeview.ts";
import { translateNetworks } from "./translate-networks.ts";
import { translateNode } from "./translate-node.ts";
import { translatePatches } from "./translate-patches.ts";
import { translatePorts } from "./translate-ports.ts";
import { translateServices } from "./translate-services.ts";
import {
  type CredentialsOpener,
  translateContents,
  translateDatastores,
  translateVolumes,
} from "./translate-storage.ts";
import { unappliedFields } from "./unapplied-fields.ts";

export function translate(
  message: config.EdgeDevConfig,
  configHash: string,
  openCredentials: CredentialsOpener,
  last?: DesiredState,
): DesiredState {
  const nodeId = message.id?.uuid.toLowerCase() ?? "";
  if (!isUuid(nodeId)) throw new ConfigFault("id.uuid", `${JSON.stringify(nodeId)} is not a UUID`);
  // What another node was is nothing to this one.
  const before = last?.nodeId === nodeId ? last : undefined;
  const extension = extensionOf(message);
  const datastores = translateDatastores(message, openCredentials);
  const contents = translateContents(message, datastores, nodeId, before?.contents);
  const volumes = translateVolumes(message, contents, nodeId, before?.volumes);
  const networks = translateNetworks(message, before?.networks);
  const devices = translateDevices(message);
  return {
    nodeId,
    nodeName: extension?.nodeName || message.deviceName || nodeId,
    configHash,
    apps: translateApps(message, { contents, volumes, networks, nodeId, devices }, before?.apps),
    contents,
    volumes,
    networks,
    services: translateServices(extension),
    patches: translatePatches(message),
    ...portsOf(message),
    ...certificatesOf(message),
    devices,
    settings: new Map(message.configItems.map(({ key, value }) => [key, value])),
    ...unappliedOf(message),
    node: translateNode(message, datastores.known),
    ...translateEdgeview(message),
  };
}

/** What of a configuration could not be read. */
export function unreadOf({ apps, contents, volumes, networks }: DesiredState): Unread[] {
  return [...contents, ...volumes, ...networks, ...apps].flatMap(({ unread }) => unread ?? []);
}

function unappliedOf(message: config.EdgeDevConfig): Pick<DesiredState, "unapplied"> {
  const unapplied = unappliedFields(message);
  return unapplied.size === 0 ? {} : { unapplied };
}

function extensionOf(message: config.EdgeDevConfig): ext.NodeExtension | undefined {
  try {
    return getExtension(message, ext.NodeExtensionSchema);
  } catch (cause) {
    throw new ConfigFault("(50001)", "the node's extension cannot be read", { cause });
  }
}

function portsOf(message: config.EdgeDevConfig): Pick<DesiredState, "ports"> {
  const ports = translatePorts(message);
  return ports === undefined ? {} : { ports };
}

function certificatesOf(message: config.EdgeDevConfig): Pick<DesiredState, "certificates"> {
  const certificates = translateCertificates(message);
  return certificates.length === 0 ? {} : { certificates };
}
