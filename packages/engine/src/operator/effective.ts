/**
 * What the node does of what its configuration wants: which apps run by profile, what somebody beside the node
 * asked of them, and what waits while the node is in maintenance or on its way down. Pure.
 */
import type { AppSpec, BootOrder, DesiredState } from "../desired.ts";
import { type LocalPort, mergePorts } from "./local-ports.ts";

/** What was asked for beside the configuration, by app. */
export interface LocalCounters {
  readonly restarts: number;
  readonly purges: number;
}

export interface NodeMode {
  /** Apps of other profiles do not run; empty: all do. */
  readonly profile: string;
  /** Nothing new is begun; what runs goes on. */
  readonly maintenance: boolean;
  /** All apps stop, and stay so. */
  readonly goingDown: boolean;
  readonly local: ReadonlyMap<string, LocalCounters>;
  /** Of virtual machines, as somebody beside the node wants it. */
  readonly bootOrders: ReadonlyMap<string, BootOrder["usb"]>;
  /** How ports of the node are to speak, by the same, and whether the node looks after them. */
  readonly ports: readonly LocalPort[];
  readonly managed: boolean;
  readonly radioSilence: boolean;
  /** Config items in force. */
  readonly settings: ReadonlyMap<string, string>;
}

/**
 * `before` is what was so before the maintenance began; a node that starts in maintenance has none and holds
 * up all apps that do not run already.
 */
export function effective(
  wanted: DesiredState,
  mode: NodeMode,
  before: DesiredState | undefined,
): DesiredState {
  const { settings } = mode;
  if (!mode.maintenance)
    return { ...beside(wanted, mode), settings, apps: wanted.apps.map((app) => allowed(app, mode)) };
  const apps = (before ?? wanted).apps.map((app) =>
    revised("maintenance", { ...allowed(app, mode), hindrance: maintenance }),
  );
  const { configHash, nodeName, node } = wanted;
  return {
    ...beside(before ?? wanted, mode),
    configHash,
    nodeName,
    ...(node ? { node } : {}),
    settings,
    apps,
  };
}

/** With what is wanted beside the controller of ports and radios, in maintenance as well. */
function beside(wanted: DesiredState, { ports: local, managed, radioSilence }: NodeMode): DesiredState {
  const { ports } = mergePorts(wanted.ports, local, managed);
  return {
    ...wanted,
    ...(ports === undefined ? {} : { ports }),
    ...(radioSilence ? { radioSilence } : {}),
  };
}

const maintenance: NonNullable<AppSpec["hindrance"]> = {
  reason: "MaintenanceMode",
  message: "the node is in maintenance mode: nothing is started or changed",
};

function allowed(spec: AppSpec, mode: NodeMode): AppSpec {
  const { profile, goingDown, local } = mode;
  const app = withBootOrder(spec, mode);
  const { restarts, purges } = local.get(app.id) ?? { restarts: 0, purges: 0 };
  const active = app.active && !goingDown && isOfProfile(app, profile);
  if (active === app.active && restarts === 0 && purges === 0) return app;
  return revised(`${active} ${restarts} ${purges}`, {
    ...{ ...app, active },
    restartCounter: app.restartCounter + restarts,
    purgeCounter: app.purgeCounter + purges,
  });
}

function withBootOrder(app: AppSpec, { bootOrders, settings }: NodeMode): AppSpec {
  const local = bootOrders.get(app.id);
  const everywhere = usbOf[settings.get("app.boot.order") ?? ""];
  const order: BootOrder | undefined =
    local !== undefined
      ? { usb: local, by: "local" }
      : (app.bootOrder ?? (everywhere && { usb: everywhere, by: "node" }));
  if (order === undefined || order === app.bootOrder || app.foreign?.vm === undefined) return app;
  return revised(`${order.usb} by ${order.by}`, { ...app, bootOrder: order });
}

const usbOf: Readonly<Record<string, BootOrder["usb"]>> = { usb: "first", nousb: "last" };

/** Whoever follows an app sees by its revision that it is another one. */
function revised(why: string, app: AppSpec): AppSpec {
  return { ...app, revision: `${app.revision} ${why}` };
}

export function isOfProfile({ profiles = [] }: Pick<AppSpec, "profiles">, profile: string): boolean {
  return profile === "" || profiles.length === 0 || profiles.includes(profile);
}
