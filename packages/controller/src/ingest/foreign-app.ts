import { create } from "@bufbuild/protobuf";
import { ext, info } from "@selvedge/eve-api";
import type { Pod } from "@selvedge/kinds";
import { errorsText } from "./error-text.ts";
import { timestampOfNode } from "./node-time.ts";

/**
 * What EVE's states of an app mean for the containers in it. Rows, so that the table can be read and
 * tested.
 */
type Meaning =
  | { readonly is: "waiting"; readonly message: string }
  | { readonly is: "running" }
  | { readonly is: "ended" }
  | { readonly is: "failed" };

const { ZSwState: State } = info;

const meanings: Readonly<Record<info.ZSwState, Meaning>> = {
  [State.INVALID]: { is: "ended" },
  [State.INITIAL]: { is: "waiting", message: "accepted by the node" },
  [State.RESOLVING_TAG]: { is: "waiting", message: "looking up the image's tag" },
  [State.RESOLVED_TAG]: { is: "waiting", message: "the image's tag is known" },
  [State.DOWNLOAD_STARTED]: { is: "waiting", message: "pulling the image" },
  [State.DOWNLOADED]: { is: "waiting", message: "the image is pulled" },
  [State.VERIFYING]: { is: "waiting", message: "verifying the image" },
  [State.VERIFIED]: { is: "waiting", message: "the image is verified" },
  [State.LOADING]: { is: "waiting", message: "unpacking the image" },
  [State.LOADED]: { is: "waiting", message: "the image is unpacked" },
  [State.DELIVERED]: { is: "waiting", message: "the image is unpacked" },
  [State.CREATING_VOLUME]: { is: "waiting", message: "making the volume" },
  [State.CREATED_VOLUME]: { is: "waiting", message: "the volume is made" },
  [State.INSTALLED]: { is: "waiting", message: "installed" },
  [State.AWAITNETWORKINSTANCE]: { is: "waiting", message: "waiting for the network" },
  [State.START_DELAYED]: { is: "waiting", message: "start is delayed" },
  [State.PENDING]: { is: "waiting", message: "pending" },
  [State.SCHEDULING]: { is: "waiting", message: "scheduling" },
  [State.BOOTING]: { is: "waiting", message: "booting" },
  [State.RUNNING]: { is: "running" },
  [State.HALTING]: { is: "running" },
  [State.RESTARTING]: { is: "waiting", message: "restarting" },
  [State.PURGING]: { is: "waiting", message: "purging" },
  [State.HALTED]: { is: "ended" },
  [State.ERROR]: { is: "failed" },
};

/** In which the app's machine is there, or may come to be, whatever the configuration says. */
const withMachine: ReadonlySet<info.ZSwState> = new Set([
  ...[State.PENDING, State.SCHEDULING, State.BOOTING, State.RUNNING],
  ...[State.HALTING, State.RESTARTING, State.PURGING],
]);

export function mayHaveMachine({ state }: info.ZInfoApp): boolean {
  return withMachine.has(state);
}

/** The report a node of ours would have sent, from what a node that only speaks EVE says. */
export function reportOfForeignApp(pod: Pod, app: info.ZInfoApp, hostIp: string): ext.AppReport {
  const error = errorsText(app.appErr);
  const meaning = meaningOf(app, error);
  const startedAt = BigInt(timestampOfNode(app.bootTime) ?? 0);
  // EVE starts again what ended by itself, and until then calls that an error; what was stopped has none. How it ended
  // nobody says.
  const isOver = meaning.is === "ended" && error !== "" && (pod.spec.restartPolicy ?? "Always") !== "Always";
  const phase = meaning.is === "running" ? "Running" : isOver ? "Succeeded" : "Pending";
  return create(ext.AppReportSchema, {
    phase,
    message: error,
    podIp: app.network.flatMap(({ IPAddrs }) => IPAddrs).find((address) => address.includes(".")) ?? "",
    hostIp,
    startedAt,
    observedVersion: app.appVersion,
    containers: pod.spec.containers.map(({ name, image = "" }) => ({
      name,
      image,
      ready: meaning.is === "running",
      started: meaning.is === "running",
      state: stateOf(meaning, error, startedAt),
    })),
  });
}

/** EVE has no state for what is broken, and says that it halts, with the error. */
function meaningOf({ state }: info.ZInfoApp, error: string): Meaning {
  if (state === State.HALTING && error !== "") return { is: "failed" };
  return meanings[state] ?? { is: "waiting", message: `state ${state}` };
}

function stateOf(meaning: Meaning, error: string, startedAt: bigint): ext.ContainerState {
  switch (meaning.is) {
    case "running":
      return create(ext.ContainerStateSchema, { state: { case: "running", value: { startedAt } } });
    case "ended":
      return create(ext.ContainerStateSchema, {
        state: { case: "terminated", value: { exitCode: 0, reason: "Completed", startedAt } },
      });
    case "failed":
      return create(ext.ContainerStateSchema, {
        state: { case: "waiting", value: { reason: "CreateContainerError", message: error } },
      });
    case "waiting": {
      const message = error === "" ? meaning.message : error;
      return create(ext.ContainerStateSchema, {
        state: { case: "waiting", value: { reason: "ContainerCreating", message } },
      });
    }
  }
}
