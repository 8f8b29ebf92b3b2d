/** ZInfoLocation: where the box is. Pure. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { info } from "@selvedge/eve-api";
import type { PortsStatus } from "../../observed.ts";
import { labelOf } from "../../operator/local-ports.ts";
import type { Place } from "../../port/port-driver.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

export interface Located extends Place {
  /** As the controller calls the modem whose receiver says so. */
  readonly label: string;
}

/** The first port's that knows; undefined: none does. */
export function locationOf(ports: PortsStatus | undefined): Located | undefined {
  for (const port of ports?.book.configs[ports.book.current]?.ports ?? []) {
    const place = ports?.cards[port.interface]?.place;
    if (place !== undefined) return { ...place, label: labelOf(port) };
  }
  return undefined;
}

/** EVE's number for what is not known. */
const unknown = -32_768;

export function locationMessage({ label, latitude, longitude, altitude, at }: Located): info.ZInfoLocation {
  return create(info.ZInfoLocationSchema, {
    ...{ logicallabel: label, latitude, longitude, altitude: altitude ?? unknown },
    ...{ utcTimestamp: timestampFromMs(at), horizontalUncertainty: unknown, verticalUncertainty: unknown },
  });
}

export function locationInfo(node: string, located: Located | undefined): InfoMessage {
  const value = located === undefined ? create(info.ZInfoLocationSchema) : locationMessage(located);
  return infoMessage(node, info.ZInfoTypes.ZiLocation, { case: "locinfo", value });
}

/** As apps are told: Go's names, since EVE's struct has no others. */
export function locationWords({ label, latitude, longitude, altitude, at }: Located): object {
  return {
    ...{ LogicalLabel: label, Latitude: latitude, Longitude: longitude, Altitude: altitude ?? unknown },
    ...{ HorizontalUncertainty: unknown, HorizontalReliability: 0 },
    ...{ VerticalUncertainty: unknown, VerticalReliability: 0, UTCTimestamp: at },
  };
}
