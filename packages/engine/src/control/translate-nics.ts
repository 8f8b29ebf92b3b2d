/** An app's interfaces → its plugs. Pure. */
import { isIP } from "node:net";
import type { app as appApi } from "@selvedge/eve-api";
import type { NetworkId, NicSpec } from "../desired.ts";
import { plainAddress } from "../network/address.ts";
import { AccessRuleFault, accessRules } from "./access-rules.ts";
import { ConfigFault, isUuid, unique } from "./config-fault.ts";
import { accessVlanMax, accessVlanMin } from "./translate-networks.ts";

type Interface = appApi.AppInstanceConfig["interfaces"][number];

export interface TranslatedNics {
  readonly nics: readonly NicSpec[];
  /** What of them cannot be: the app waits for a better configuration, and no other does. */
  readonly fault: string | undefined;
}

export function translateNics(item: appApi.AppInstanceConfig, field: string): TranslatedNics {
  const faults: string[] = [];
  // Configurations that were written before there was an order have it by place.
  const ordered = item.fixedresources?.enforceNetworkInterfaceOrder
    ? item.interfaces.toSorted((left, right) => left.interfaceOrder - right.interfaceOrder)
    : item.interfaces;
  const nics = ordered.map((nic) =>
    translateNic(nic, `${field}[${item.interfaces.indexOf(nic)}]`, (fault) => faults.push(fault)),
  );
  unique(field, nics, ({ name }) => name);
  return { nics, fault: faults[0] };
}

/** A network that is not there makes the plug wait; the network domain says so. */
function translateNic(item: Interface, field: string, fault: (what: string) => void): NicSpec {
  if (item.name === "") throw new ConfigFault(`${field}.name`, "is empty");
  const networkId = item.networkId.toLowerCase() as NetworkId;
  if (!isUuid(networkId))
    throw new ConfigFault(`${field}.networkId`, `${JSON.stringify(item.networkId)} is not a UUID`);
  const mac = item.macAddress.toLowerCase();
  if (!/^([0-9a-f]{2}(:[0-9a-f]{2}){5})?$/.test(mac))
    throw new ConfigFault(`${field}.macAddress`, `${JSON.stringify(item.macAddress)} is not a MAC address`);
  if (mac !== "" && (Number.parseInt(mac, 16) & 1) === 1)
    fault(`${field}.macAddress: ${mac} is a group's address, not a card's`);
  if (item.addr !== "" && isIP(item.addr) === 0)
    fault(`${field}.addr: ${JSON.stringify(item.addr)} is not an address`);
  if (item.accessVlanId > accessVlanMax)
    fault(`${field}.access_vlan_id: ${item.accessVlanId} is more than ${accessVlanMax}`);
  let rules: NicSpec["rules"] = [];
  try {
    rules = accessRules(item.acls, `${field}.acls`);
  } catch (error) {
    if (!(error instanceof AccessRuleFault)) throw error;
    fault(error.message);
  }
  return {
    ...{ name: item.name, networkId, mac: mac === "" ? undefined : mac, rules },
    ...(item.addr === "" ? {} : { address: plainAddress(item.addr) }),
    ...(item.accessVlanId < accessVlanMin ? {} : { accessVlan: item.accessVlanId }),
    ...(item.allowToDiscover ? { mayDiscover: true } : {}),
  };
}
