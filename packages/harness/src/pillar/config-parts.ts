/** What a device of EVE needs of links, certificates, secrets and patch envelopes in a configuration. */
import { type cipher, type config, devmodelCommon, netconfig } from "@selvedge/eve-api";
import type { Strictness } from "./strictness.ts";

const { PhyIoNetEth } = devmodelCommon.PhyIoType;
const linuxNameMax = 15;
const tagMax = 4094;
const { PhyIoNetEthPF } = devmodelCommon.PhyIoType;

/** A card's own, and those that its functions are in. */
function groupsOf({ ptype, assigngrp, vflist }: config.EdgeDevConfig["deviceIoList"][number]): string[] {
  const count = ptype === PhyIoNetEthPF ? (vflist?.vfCount ?? 0) : 0;
  return [assigngrp, ...Array.from({ length: count }, (_, index) => `${assigngrp}vf${index}`)];
}

/** What is shorter is refused as no block of an artifact. */
const sealedMin = 16;

export function checkLinks({ deviceIoList, bonds, vlans }: config.EdgeDevConfig, strict: Strictness): void {
  const cards = new Map(deviceIoList.map((card) => [card.logicallabel, card]));
  for (const { logicallabel, interfaceName, lowerLayerNames } of bonds) {
    const where = `bond ${logicallabel}`;
    strict.require(interfaceName !== "bond0", `${where}: bond0 is reserved`);
    strict.require(interfaceName.length <= linuxNameMax, `${where}: interface_name ${interfaceName}`);
    strict.require(lowerLayerNames.length > 0, `${where}: no lower_layer_names`);
    for (const name of lowerLayerNames)
      strict.require(cards.get(name)?.ptype === PhyIoNetEth, `${where}: ${name} is no Ethernet card`);
  }
  for (const { logicallabel, interfaceName, lowerLayerName, vlanId } of vlans) {
    const where = `VLAN ${logicallabel}`;
    strict.require(interfaceName.length <= linuxNameMax, `${where}: interface_name ${interfaceName}`);
    strict.require(vlanId > 0 && vlanId <= tagMax, `${where}: vlan_id ${vlanId}`);
    const isThere = cards.has(lowerLayerName) || bonds.some((bond) => bond.logicallabel === lowerLayerName);
    strict.require(isThere, `${where}: lower_layer_name ${lowerLayerName} names nothing`);
  }
}

export function checkCertificates(read: config.EdgeDevConfig, strict: Strictness): void {
  const { deviceIoList, pnacs, scepProfiles } = read;
  for (const { profileName, scepUrl, scepChallengePassword } of scepProfiles) {
    const where = `SCEP profile ${profileName}`;
    strict.require(profileName !== "", `${where}: has no name, and is ignored`);
    strict.require(URL.canParse(scepUrl), `${where}: scep_url ${scepUrl}`);
    if (scepChallengePassword !== undefined) checkBlock(scepChallengePassword, where, read, strict);
  }
  for (const { logicallabel, eapMethod, certEnrollmentProfileName: profile } of pnacs) {
    const where = `PNAC ${logicallabel}`;
    const card = deviceIoList.find((one) => one.logicallabel === logicallabel);
    strict.require(card?.ptype === PhyIoNetEth, `${where}: no Ethernet card, and ignored`);
    strict.require(eapMethod === netconfig.EAPMethod.EAP_METHOD_TLS, `${where}: eap_method ${eapMethod}`);
    const isThere = scepProfiles.some(({ profileName }) => profileName === profile);
    strict.require(isThere, `${where}: no SCEP profile ${profile}`);
  }
}

/** User data in clear is what a device takes that cannot open the block. */
export function checkUserData(read: config.EdgeDevConfig, strict: Strictness): void {
  for (const { displayname, userData, cipherData, adapters } of read.apps) {
    strict.require(userData === "", `app ${displayname}: userData in clear`);
    if (cipherData !== undefined) checkBlock(cipherData, `app ${displayname}`, read, strict);
    for (const { name } of adapters) {
      const isThere = read.deviceIoList.some((card) => groupsOf(card).includes(name));
      strict.require(isThere, `app ${displayname}: no devices are in group ${name}`);
    }
  }
}

/** One artifact that makes no sense, and the device takes no envelope at all. */
export function checkPatches(read: config.EdgeDevConfig, strict: Strictness): void {
  const files: string[] = [];
  for (const { uuid, artifacts } of read.patchEnvelopes) {
    const where = `patch envelope ${uuid}`;
    strict.require(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(uuid), `${where}: no UUID`);
    for (const { binaryBlob } of artifacts) {
      const { case: kind, value } = binaryBlob;
      if (kind === "inline") files.push(value.fileNameToUse);
      else if (kind === "volumeRef") {
        const isThere = read.volumes.some((volume) => volume.uuid === value.imageId);
        strict.require(isThere, `${where}: no volume ${value.imageId}`);
      } else if (kind === undefined || value.cipherData === undefined)
        strict.fault(`${where}: an empty artifact`);
      else {
        strict.require(value.cipherData.cipherData.length >= sealedMin, `${where}: a block of too few bytes`);
        checkBlock(value.cipherData, where, read, strict);
      }
    }
  }
  const twice = files.find((name, at) => files.indexOf(name) !== at);
  strict.require(twice === undefined, `patch envelopes: two files ${twice}, of which one is kept`);
}

function checkBlock(
  { cipherContextId, clearTextSha256, initialValue }: cipher.CipherBlock,
  where: string,
  { cipherContexts }: config.EdgeDevConfig,
  strict: Strictness,
): void {
  const isThere = cipherContexts.some(({ contextId }) => contextId === cipherContextId);
  strict.require(isThere, `${where}: cipher context ${cipherContextId} is not there`);
  strict.require(clearTextSha256.length > 0 && initialValue.length === 16, `${where}: half a block`);
}
