/**
 * What a device of EVE needs of a configuration. Where its agent would crash, this throws a PillarPanic;
 * where it would leave something out without a word, or wait for ever, that is a fault.
 */

import { toJsonString } from "@bufbuild/protobuf";
import {
  type app,
  app as appApi,
  type config,
  devmodelCommon,
  type firewall,
  netCommon,
  netinst,
  storage,
  vm,
} from "@selvedge/eve-api";
import { checkCertificates, checkLinks, checkPatches, checkUserData } from "./config-parts.ts";
import { PillarPanic, type Strictness } from "./strictness.ts";

type Check = (config: config.EdgeDevConfig, strict: Strictness) => void;

/** In the order a device reads: what comes later may refer to what came before. */
const checks: readonly Check[] = [
  checkItems,
  checkDatastores,
  checkCertificates,
  checkLinks,
  checkPorts,
  checkNetworkInstances,
  checkContent,
  checkVolumes,
  checkApps,
  checkUserData,
  checkPatches,
];

export function checkConfig(read: config.EdgeDevConfig, deviceId: string, strict: Strictness): void {
  strict.require(read.id?.uuid === deviceId, `id.uuid is ${read.id?.uuid}, the device is ${deviceId}`);
  strict.require(read.configTimestamp !== undefined, "config_timestamp is missing");
  strict.require(read.controllercertConfighash !== "", "controllercert_confighash is missing");
  for (const check of checks) check(read, strict);
}

/** Absent, these mean false as soon as a configuration has come. */
const screenAndKeyboard = ["debug.enable.usb", "debug.enable.vga", "debug.enable.console"];

function checkItems({ configItems }: config.EdgeDevConfig, strict: Strictness): void {
  const keys = configItems.map(({ key }) => key);
  for (const key of screenAndKeyboard) strict.require(keys.includes(key), `configItems: ${key} is missing`);
  unique("configItems", keys, strict);
}

function checkDatastores({ datastores }: config.EdgeDevConfig, strict: Strictness): void {
  unique(
    "datastores",
    datastores.map(({ id }) => id),
    strict,
  );
  for (const { id, dType, fqdn } of datastores) {
    if (dType !== storage.DsType.DsContainerRegistry) continue;
    strict.require(/^docker:\/\/[^/]+$/.test(fqdn), `datastore ${id}: fqdn ${fqdn}`);
  }
}

const { NetworkType, DHCPType } = netCommon;
const networkTypes: readonly netCommon.NetworkType[] = [
  NetworkType.V4,
  NetworkType.V6,
  NetworkType.V4Only,
  NetworkType.V6Only,
];

function checkPorts(read: config.EdgeDevConfig, strict: Strictness): void {
  const { deviceIoList, bonds, vlans, networks, systemAdapterList } = read;
  const below = [...deviceIoList, ...bonds, ...vlans].map(({ logicallabel }) => logicallabel);
  unique("logicallabel", below, strict);
  strict.require(
    systemAdapterList.some(({ uplink }) => uplink),
    "systemAdapterList: no uplink, so every port becomes one",
  );
  for (const { name, lowerLayerName, networkUUID, uplink } of systemAdapterList) {
    const found = below.filter((label) => label === lowerLayerName).length;
    strict.require(found === 1, `adapter ${name}: lowerLayerName ${lowerLayerName} names ${found} ports`);
    strict.require(!["all", "uplink", "freeuplink"].includes(name), `adapter ${name}: a reserved name`);
    const network = networks.find(({ id }) => id === networkUUID);
    if (network === undefined) {
      strict.require(!uplink, `adapter ${name}: network ${networkUUID} is not listed`);
      continue;
    }
    strict.require(networkTypes.includes(network.type), `network ${network.id}: type ${network.type}`);
    if (!strict.require(network.ip !== undefined, `network ${network.id}: ip is missing`)) continue;
    const dhcp = network.ip?.dhcp;
    strict.require(
      !uplink || dhcp === DHCPType.Client || dhcp === DHCPType.Static,
      `network ${network.id}: an uplink needs DHCP or a fixed address`,
    );
  }
  for (const { phylabel, phyaddrs, ptype } of deviceIoList) {
    const needsName = ptype === devmodelCommon.PhyIoType.PhyIoNetEth;
    const has = Object.keys(phyaddrs).some((key) => /^(ifname|pcilong)$/i.test(key));
    strict.require(!needsName || has, `deviceIoList ${phylabel}: neither ifname nor pcilong`);
  }
}

function checkNetworkInstances(read: config.EdgeDevConfig, strict: Strictness): void {
  const labels = read.systemAdapterList.flatMap(({ name, sharedLabels }) => [name, ...sharedLabels]);
  for (const instance of read.networkInstances) {
    if (instance.uuidandversion === undefined) throw new PillarPanic("networkInstances[].uuidandversion");
    const { uuid } = instance.uuidandversion;
    const isLocal = instance.instType === netinst.ZNetworkInstType.ZnetInstLocal;
    const isSwitch = instance.instType === netinst.ZNetworkInstType.ZnetInstSwitch;
    strict.require(isLocal || isSwitch, `network instance ${uuid}: instType ${instance.instType}`);
    const port = instance.port?.name ?? "";
    const known = [...labels, "uplink", "freeuplink", "all", ""].includes(port);
    strict.require(known, `network instance ${uuid}: port ${port} is no adapter and no label`);
    if (isLocal) strict.require(instance.ip?.subnet !== undefined, `network instance ${uuid}: no subnet`);
    const { gateway, dhcpRange } = instance.ip ?? {};
    if (gateway !== undefined && dhcpRange !== undefined) {
      const inside = number(gateway) >= number(dhcpRange.start) && number(gateway) <= number(dhcpRange.end);
      strict.require(!inside, `network instance ${uuid}: the gateway is in the range for apps`);
    }
  }
}

function checkContent({ contentInfo, datastores }: config.EdgeDevConfig, strict: Strictness): void {
  unique(
    "contentInfo",
    contentInfo.map(({ uuid }) => uuid),
    strict,
  );
  for (const { uuid, dsIdsList, URL: path } of contentInfo) {
    strict.require(dsIdsList.length > 0, `content tree ${uuid}: ds_ids_list is empty`);
    strict.require(path !== "" && !path.startsWith("/"), `content tree ${uuid}: URL ${path}`);
    for (const id of dsIdsList) {
      const found = datastores.some((datastore) => datastore.id === id);
      strict.require(found, `content tree ${uuid}: datastore ${id} is not listed`);
    }
  }
}

function checkVolumes({ volumes, contentInfo }: config.EdgeDevConfig, strict: Strictness): void {
  unique(
    "volumes",
    volumes.map(({ uuid, generationCount }) => `${uuid}#${generationCount}`),
    strict,
  );
  for (const { uuid, origin } of volumes) {
    if (origin?.type !== storage.VolumeContentOriginType.VCOT_DOWNLOAD) continue;
    const found = contentInfo.some((content) => content.uuid === origin.downloadContentTreeID);
    strict.require(found, `volume ${uuid}: content tree ${origin.downloadContentTreeID} is not listed`);
  }
}

/** What an app may take in the agent's own messages, and what does not count. */
const appJsonMax = 49_000;
const modes: readonly vm.VmMode[] = Object.values(vm.VmMode);

function checkApps(read: config.EdgeDevConfig, strict: Strictness): void {
  unique(
    "apps",
    read.apps.map(({ uuidandversion }) => uuidandversion?.uuid ?? ""),
    strict,
  );
  for (const one of read.apps) {
    if (one.uuidandversion === undefined) throw new PillarPanic("apps[].uuidandversion");
    if (one.fixedresources === undefined) throw new PillarPanic("apps[].fixedresources");
    const name = `app ${one.displayname}`;
    const { memory, vcpus, virtualizationMode } = one.fixedresources;
    strict.require(memory > 0 && vcpus > 0, `${name}: ${memory} kB of memory, ${vcpus} processors`);
    strict.require(modes.includes(virtualizationMode), `${name}: virtualizationMode ${virtualizationMode}`);
    for (const { uuid, generationCount } of one.volumeRefList) {
      const found = read.volumes.some(
        (volume) => volume.uuid === uuid && volume.generationCount === generationCount,
      );
      strict.require(found, `${name}: no volume ${uuid}#${generationCount}, so the app waits for ever`);
    }
    strict.require(one.volumeRefList.length > 0, `${name}: no volume to start from`);
    const { userData: _userData, cipherData: _cipherData, ...counted } = one;
    const size = toJsonString(appApi.AppInstanceConfigSchema, { ...counted, userData: "" } as never).length;
    strict.require(size <= appJsonMax, `${name}: ${size} characters, more than the agent's messages take`);
    checkInterfaces(one, read, strict);
  }
}

function checkInterfaces(
  { displayname, interfaces }: app.AppInstanceConfig,
  { networkInstances }: config.EdgeDevConfig,
  strict: Strictness,
): void {
  for (const { name, networkId, acls } of interfaces) {
    const where = `app ${displayname}, interface ${name}`;
    const found = networkInstances.some(({ uuidandversion }) => uuidandversion?.uuid === networkId);
    strict.require(found, `${where}: network instance ${networkId} is not listed`);
    unique(
      `${where}: acls`,
      acls.map(({ id }) => `${id}`),
      strict,
    );
    for (const rule of acls) checkRule(rule, where, strict);
  }
}

const matchTypes = ["ip", "host", "eidset", "protocol", "lport", "fport", "adapter"];

function checkRule({ matches, actions, name }: firewall.ACE, where: string, strict: Strictness): void {
  const types = matches.map(({ type }) => type);
  for (const type of types) strict.require(matchTypes.includes(type), `${where}, rule ${name}: ${type}`);
  const hasPort = types.includes("lport") || types.includes("fport");
  strict.require(!hasPort || types.includes("protocol"), `${where}, rule ${name}: a port needs a protocol`);
  strict.require(actions.length <= 1, `${where}, rule ${name}: only the first action is used`);
  for (const { portmap, appPort } of actions) {
    if (!portmap) continue;
    strict.require(types.includes("lport") && appPort > 0, `${where}, rule ${name}: half a port map`);
  }
}

function unique(what: string, values: readonly string[], strict: Strictness): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  strict.require(twice === undefined, `${what}: ${twice} is there twice`);
}

function number(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
