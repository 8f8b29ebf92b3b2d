import { BondMode as Mode } from "./gen/evecommon/netcmn_pb.ts";

type Name =
  | "balance-rr"
  | "active-backup"
  | "balance-xor"
  | "broadcast"
  | "802.3ad"
  | "balance-tlb"
  | "balance-alb";

/** The modes of a bond as Linux names them, and what the API calls each. */
export const bondModes: Readonly<Record<Name, Mode>> = {
  "balance-rr": Mode.BOND_MODE_BALANCE_RR,
  "active-backup": Mode.BOND_MODE_ACTIVE_BACKUP,
  "balance-xor": Mode.BOND_MODE_BALANCE_XOR,
  broadcast: Mode.BOND_MODE_BROADCAST,
  "802.3ad": Mode.BOND_MODE_802_3AD,
  "balance-tlb": Mode.BOND_MODE_BALANCE_TLB,
  "balance-alb": Mode.BOND_MODE_BALANCE_ALB,
};
