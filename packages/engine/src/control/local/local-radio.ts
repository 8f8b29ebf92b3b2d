/** The node's modems as a local profile server is told of them. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { info, type profile } from "@selvedge/eve-api";
import type { PortsStatus } from "../../observed.ts";
import { labelOf } from "../../operator/local-ports.ts";

type Status = MessageInitShape<typeof profile.CellularStatusSchema>;

const { RADIO_OFF: silent, ONLINE: online, ONLINE_AND_CONNECTED: connected } = info.ZCellularOperatingState;
const { QMI: qmi, MBIM: mbim } = info.ZCellularControlProtocol;

export function modemStatuses(ports: PortsStatus | undefined, radioSilence: boolean): Status[] {
  const inForce = ports?.book.configs[ports.book.current];
  return (inForce?.ports ?? []).flatMap((port): Status[] => {
    if (port.cellular === undefined) return [];
    const card = ports?.cards[port.interface];
    const modem = card?.modem;
    const speaks = (card?.addresses ?? []).length > 0;
    const operatingState = radioSilence ? silent : speaks ? connected : online;
    const status = {
      logicallabel: labelOf(port),
      configError: port.fault ?? inForce?.errors?.[port.name] ?? card?.fault ?? "",
    };
    if (modem === undefined) return [{ ...status, module: { operatingState } }];
    const { imei, manufacturer, model, firmware: firmwareVersion, operator, roaming } = modem;
    const known = { plmn: operator.plmn, description: operator.name, currentServing: true, roaming };
    return [
      {
        ...status,
        module: {
          ...{ name: imei, imei, manufacturer, model, firmwareVersion, operatingState },
          controlProtocol: modem.protocol === "mbim" ? mbim : qmi,
        },
        providers: operator.plmn === "" ? [] : [known],
      },
    ];
  });
}
