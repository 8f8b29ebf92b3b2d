/** What a box is told to do once, and which system it is to run. */
import { create } from "@bufbuild/protobuf";
import { baseos, type config, devcommon } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { type ImagePlan, imageOf } from "./image.ts";
import type { RenderInputs } from "./inputs.ts";

export type RenderedCommands = Readonly<Pick<config.EdgeDevConfig, "reboot" | "shutdown">>;
export type RenderedSystem = Readonly<Pick<config.EdgeDevConfig, "baseos">>;

type Asked = NonNullable<EdgeNode["spec"]["commands"]>;

/**
 * A device acts on a counter that is another than the one it saved, only saves the first it ever sees, and
 * forgets what it saved when there is none. What it saved before it came to us, or since the backup that we were
 * restored from, nobody knows: it is given none until it has taken such a configuration, and then what had been asked
 * for when it came, which it takes for known. From then on there always is one, and it never falls.
 */
export class NodeCommands {
  /** By Node, what was asked for before there could be any. */
  readonly #before = new Map<string, Asked>();

  /** Whether it matters here that this node has taken its newest configuration. */
  awaits(nodeName: string): boolean {
    return this.#before.has(nodeName);
  }

  of(
    nodeName: string,
    { spec: { commands = {} } }: EdgeNode,
    previous: config.EdgeDevConfig | undefined,
    isTaken: boolean,
  ): RenderedCommands {
    const known = previous?.reboot !== undefined;
    if (known && (isTaken || !this.#before.has(nodeName))) {
      this.#before.delete(nodeName);
      return countersOf(commands, previous);
    }
    const asked = this.#before.get(nodeName) ?? commands;
    this.#before.set(nodeName, asked);
    const mayBegin = known || (previous !== undefined && isTaken);
    return mayBegin ? countersOf(asked, previous) : {};
  }

  forget(nodeName: string): void {
    this.#before.delete(nodeName);
  }
}

function countersOf(asked: Asked, previous: config.EdgeDevConfig | undefined): RenderedCommands {
  const command = (name: "reboot" | "shutdown"): devcommon.DeviceOpsCmd => {
    const counter = Math.max(asked[name] ?? 0, previous?.[name]?.counter ?? 0);
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
