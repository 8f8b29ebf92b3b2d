import { type Millis, seconds } from "@selvedge/base";

/** What the configuration says of all ports together. */
export interface PortSettings {
  seconds(
    key:
      | "timer.port.testduration"
      | "timer.port.testinterval"
      | "timer.port.testbetterinterval"
      | "timer.port.timeout"
      | "timer.location.app.interval",
  ): Millis;
  number(key: "pnac.dhcp.reacquire.max.retries"): number;
  isOn(key: "dhcp.enable.vendorclassid"): boolean;
  choice(key: "network.fallback.any.eth"): string;
}

/** EVE's own, which is what it takes for none. */
const usualAnswer = seconds(15);

/** How long the controller has to answer by a port. */
export function answerTime(settings: PortSettings): Millis {
  return settings.seconds("timer.port.timeout") || usualAnswer;
}
