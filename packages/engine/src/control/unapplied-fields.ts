/**
 * What a configuration can ask for that this engine does not do. Whoever sets it is told so: nothing of a
 * configuration is dropped without a word. A test holds that every other field is read.
 */
import type { DescMessage } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { config } from "@selvedge/eve-api";

const cluster = "this engine joins no cluster";
const script = "scripts of a network are not run; name the proxy in proxies";
const dhcp = "what a network tells by DHCP is taken whole";
const order = "only an app's interfaces are put in an order; devices come behind them";

/** By message and field: why. */
export const unsupported: Readonly<Record<string, string>> = {
  "EdgeDevConfig.backup": "this engine makes no backups",
  "EdgeDevConfig.disks": "this engine keeps no ZFS pool; its disk is as its system made it",
  "EdgeDevConfig.cluster": cluster,
  "AppInstanceConfig.affinity": cluster,
  "NetworkInstanceConfig.cluster_wide": cluster,
  "AppInstanceConfig.remoteConsole": "no console is dialled out; a screen is seen through remote access",
  "Adapter.interface_order": order,
  "VmConfig.enable_vnc_shim_vm": "the machine of a container has no screen",
  "VmConfig.enable_oem_win_license_key": "the box's Windows licence is not given to machines",
  "NetworkConfig.dns": "names are given by networks of apps, not by ports",
  "ipspec.dhcp_options_ignore": dhcp,
  "ProxyConfig.pacfile": script,
  "ProxyConfig.networkProxyEnable": script,
  "ProxyConfig.networkProxyURL": script,
};

const xen = "Xen's; EVE gives it to no machine on KVM";
const nobody = "EVE reads it as little";
const stamp = "only a time";

/** Fields that say nothing to a node, of EVE's or ours: why. */
export const meaningless: Readonly<Record<string, string>> = {
  "EdgeDevConfig.base": nobody,
  "AppInstanceConfig.drives": nobody,
  "AppInstanceConfig.patchRef": nobody,
  "AppInstanceConfig.vm_resolution": nobody,
  "InstanceOpsCmd.opsTime": stamp,
  "DeviceOpsCmd.opsTime": stamp,
  "DeviceOpsCmd.desiredState": nobody,
  "EvePatchEnvelope.createTime": stamp,
  "EveBinaryArtifact.format": "follows from what is in it",
  "VmConfig.maxmem": xen,
  "VmConfig.maxcpus": xen,
  "VmConfig.rootdev": xen,
  "VmConfig.cpus": xen,
  "VmConfig.devicetree": xen,
  "VmConfig.dtdev": xen,
  "VmConfig.irqs": xen,
  "VmConfig.iomem": xen,
  "VmConfig.disable_vtpm": "machines have no TPM here",
  "NetworkAdapter.hostname": nobody,
  "NetworkAdapter.cryptoEid": nobody,
  "NetworkAdapter.lispsignature": nobody,
  "NetworkAdapter.pemcert": nobody,
  "NetworkAdapter.pemprivatekey": nobody,
  "Adapter.type": "follows from what carries the name",
  "CellularAccessPoint.preferred_plmns": nobody,
  "SystemAdapter.alias": nobody,
  "PhysicalIO.cbattr": nobody,
  "NetworkInstanceConfig.cfg": nobody,
  "ContentTree.siginfo": nobody,
  "Volume.protocols": nobody,
  "BaseOS.content_tree_uuid": "another version is told as failed, whatever its content",
};

/** A controller that asks for more than this of what there is not is told of these. */
const toldMax = 32;

/** Why, by the place in the configuration: `apps[0].remoteConsole`. */
export function unappliedFields(message: config.EdgeDevConfig): ReadonlyMap<string, string> {
  const told = new Map<string, string>();
  look(reflect(config.EdgeDevConfigSchema, message), "", told);
  return told;
}

function look(message: ReflectMessage, place: string, told: Map<string, string>): void {
  for (const field of message.fields) {
    if (told.size >= toldMax) return;
    if (!leadsThere(message.desc).has(field.name) || !message.isSet(field)) continue;
    const at = `${place}${field.name}`;
    const why = unsupported[`${message.desc.name}.${field.name}`];
    if (why !== undefined) told.set(at, why);
    else if (field.fieldKind === "message") look(message.get(field), `${at}.`, told);
    else if (field.fieldKind === "list" && field.listKind === "message")
      for (const [index, item] of message.get(field).entries?.() ?? [])
        look(item as ReflectMessage, `${at}[${index}].`, told);
  }
}

const ways = new Map<string, ReadonlySet<string>>();

/** The fields of a message that are told, or have such in them: the rest of a large configuration is passed over. */
function leadsThere(message: DescMessage, above: readonly string[] = []): ReadonlySet<string> {
  const known = ways.get(message.typeName);
  if (known !== undefined) return known;
  const inner = [...above, message.typeName];
  const found = message.fields.filter(
    (field) =>
      `${message.name}.${field.name}` in unsupported ||
      (field.message !== undefined &&
        !inner.includes(field.message.typeName) &&
        leadsThere(field.message, inner).size > 0),
  );
  const names = new Set(found.map(({ name }) => name));
  ways.set(message.typeName, names);
  return names;
}
