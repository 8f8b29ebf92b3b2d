/**
 * An app that says a number a few times a second, with how long its machine is up: a gap or a start shows. It
 * also wakes its engine as often, which sees then what a moved clock shows.
 */
import { describeError } from "@selvedge/base";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import type { KubectlSession } from "./kubectl-session.ts";

export interface Beat {
  readonly count: number;
  readonly uptime: number;
  readonly turn: string;
}

const script =
  'n=0; while :; do n=$((n+1)); read -r up _ </proc/uptime; echo "beat $n $up $TURN"; sleep 0.3; done';

/** One on every node; what `TURN` is in its environment is what changes of it. */
export function beatingApp(name: string, image: string, turn: string): string {
  const container = {
    ...{ name: "beat", image, command: ["sh", "-c", script], env: [{ name: "TURN", value: turn }] },
    resources: { limits: { memory: "32Mi" } },
  };
  return JSON.stringify({
    ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name } },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  });
}

export function beatsIn(text: string): Beat[] {
  return [...text.matchAll(/beat (\d+) ([\d.]+) ([\w-]+)/g)].map(([, count, uptime, turn = ""]) => ({
    ...{ count: Number(count), uptime: Number(uptime), turn },
  }));
}

interface PodLine {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly containers: readonly { readonly env: readonly { readonly value?: string }[] }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** From one machine to the next, emulated, on a machine that has much else to do. */
const rollSeconds = 600;

/** The one running Pod of an app, once it is Ready and of this turn. */
export async function beatingPod(kube: KubectlSession, app: string, turn: string): Promise<string> {
  const ready = waitFor(
    `a ready Pod of ${app}, ${turn}`,
    async () => {
      const { items } = JSON.parse(await kube.ok("get", "pods", "-l", `app=${app}`, "-o", "json"));
      const [pod, ...others] = items as PodLine[];
      if (pod === undefined || others.length > 0 || pod.metadata.deletionTimestamp !== undefined)
        return undefined;
      const isReady = pod.status?.conditions?.some(
        ({ type, status }) => type === "Ready" && status === "True",
      );
      const isOfTurn = pod.spec.containers[0]?.env.some(({ value }) => value === turn);
      return isReady === true && isOfTurn === true ? pod.metadata.name : undefined;
    },
    rollSeconds,
  );
  return await ready.catch(async (error: unknown) => {
    const { stdout } = await kube.run("describe", "pods", "-l", `app=${app}`);
    throw new Error(`${describeError(error)}\n${stdout}`);
  });
}
