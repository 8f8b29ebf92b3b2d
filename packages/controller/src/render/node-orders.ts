/** What a box is told to do once, and which system it is to run. */
import { create } from "@bufbuild/protobuf";
import { baseos, type config, devcommon } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { type ImagePlan, imageOf } from "./image.ts";
import type { RenderInputs } from "./inputs.ts";

export type RenderedCommands = Readonly<Pick<config.EdgeDevConfig, "reboot" | "shutdown">>;
export type RenderedSystem = Readonly<Pick<config.EdgeDevConfig, "baseos">>;

/**
 * A device acts on a counter that is another than the one it saved, only saves the first it ever sees, and
 * forgets what it saved when there is none: so there always is one, from the first configuration on, and it
 * never falls. After a restore nobody knows what it saved since the backup: it is given none until it has
 * taken such a configuration, and then takes the first it sees for known.
 */
export function renderCommands(
  { spec }: EdgeNode,
  previous: config.EdgeDevConfig | undefined,
  isTaken: boolean,
): RenderedCommands {
  if (previous !== undefined && previous.reboot === undefined && !isTaken) return {};
  const command = (name: "reboot" | "shutdown"): devcommon.DeviceOpsCmd => {
    const counter = Math.max(spec.commands?.[name] ?? 0, previous?.[name]?.counter ?? 0);
    return create(devcommon.DeviceOpsCmdSchema, { counter });
  };
  return { reboot: command("reboot"), shutdown: command("shutdown") };
}

/** The image of the system; undefined when the box keeps what it has. */
export function planSystem(inputs: RenderInputs): ImagePlan | undefined {
  const { system } = inputs.edgeNode.spec;
  if (system === undefined) return undefined;
  // Systems are public, or in the controller's own registry: there are no pull secrets.
  const nobodys = { metadata: {}, spec: {} };
  return imageOf(nobodys, system.image, inputs);
}

/** A device needs the content in the same configuration, so there is none without its image. */
export function renderSystem({ spec }: EdgeNode, image: ImagePlan | undefined): RenderedSystem {
  if (spec.system === undefined || image === undefined) return {};
  const { version, activate = true, retry = 0 } = spec.system;
  return {
    baseos: create(baseos.BaseOSSchema, {
      ...{ contentTreeUuid: image.contentTree.uuid, baseOsVersion: version, activate },
      retryUpdate: { counter: retry },
    }),
  };
}
