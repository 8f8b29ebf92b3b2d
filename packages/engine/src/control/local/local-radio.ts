/** The node's modems as a local profile server is told of them. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { info, type profile } from "@selvedge/eve-api";
import type { PortsStatus } from "../../observed.ts";
import { labelOf } from "../../operator/local-ports.ts";
import { moduleInfo, portsOfModems, providersInfo, simInfos } from "../report/cellular-info.ts";

type Status = MessageInitShape<typeof profile.CellularStatusSchema>;

const { RADIO_OFF: silent, ONLINE: online, ONLINE_AND_CONNECTED: connected } = info.ZCellularOperatingState;

export function modemStatuses(ports: PortsStatus | undefined, radioSilence: boolean): Status[] {
  return portsOfModems(ports).map(({ port, card, error = "" }): Status => {
    const modem = card?.modem;
    const speaks = (card?.addresses ?? []).length > 0;
    // Whoever asked for silence is told so at once, also of a modem that is not asked any more.
    const operatingState = radioSilence ? silent : speaks ? connected : online;
    const status = {
      ...{ logicallabel: labelOf(port), configError: port.fault ?? error },
      probeError: card?.unanswered ?? "",
    };
    if (modem === undefined) return { ...status, module: { operatingState } };
    return {
      ...{ ...status, simCards: simInfos(modem), providers: providersInfo(modem) },
      module: { ...moduleInfo(modem), ...(radioSilence || speaks ? { operatingState } : {}) },
    };
  });
}
