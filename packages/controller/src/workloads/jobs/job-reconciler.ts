import { jsonEqual, millis } from "@selvedge/base";
import { keyOf, objectKey, splitKey } from "@selvedge/client";
import { type Job, jobKind, jobNameLabel, type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, claimable, controllerOf } from "../../objects/caches.ts";
import { isGoing, isOver } from "../../objects/pods.ts";
import { type Wake, wakeOn } from "../../objects/wiring.ts";
import { claim } from "../claims.ts";
import { later } from "../later.ts";
import { PodControl } from "../pod-control.ts";
import { podOwnerKeys, type WorkloadDeps } from "../pod-owner.ts";
import { expiryOf, type JobPlan, planJob } from "./job-plan.ts";
import { isFinished, isHeld, type JobView, trackingFinalizer, viewOfJob } from "./job-view.ts";

const component = "job-controller";
/** Who runs a Job that names its manager. */
const manager = "kubernetes.io/job-controller";
const retryAfter = millis(100);

/** Runs the Pods of a Job until enough have succeeded. The key is `namespace/name`. */
export class JobReconciler implements Reconciler {
  readonly name = "job";
  readonly reads: readonly string[] = ["Job", "Pod"];
  readonly writes: readonly string[] = [
    "Pod (of a Job)",
    "Pod.metadata.finalizers[job-tracking]",
    "Job.status",
    "removal of finished Jobs",
  ];
  readonly #deps: WorkloadDeps;
  readonly #control: PodControl;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
    this.#control = new PodControl(deps.cluster, deps.events, component);
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    await this.#releaseStrangers(namespace, name);
    const job = caches.jobs.get(name, namespace);
    if (job === undefined || (job.spec.managedBy ?? manager) !== manager) return settled;
    const candidates = claimable(caches.pods, job);
    const pods = await claim<Pod>(cluster, podKind, job, job.spec.selector, candidates);
    const view = viewOfJob(job, pods, clock.now());
    if (!(await this.#isCurrent(view))) return lookAgain("a Pod was let go meanwhile", retryAfter);
    const plan = planJob(view);
    if (!(await this.#say(job, plan))) return lookAgain("its status was written meanwhile", retryAfter);
    if (job.metadata.deletionTimestamp !== undefined)
      await this.#release(pods.filter((pod) => isGoing(pod) || isOver(pod)));
    else {
      if (plan.uncounted) await this.#release(plan.remove);
      await this.#control.remove(job, plan.remove);
      await this.#control.create(job, plan.create);
      await this.#release(plan.release);
    }
    for (const { type, reason, message } of plan.news) {
      await this.#deps.events.record(job, { type, reason, message, component });
    }
    const now = caches.jobs.get(name, namespace) ?? job;
    if (isFinished(now)) return await this.#expire(now);
    return later(plan.again);
  }

  /**
   * Whether Pods that are to be counted are still held: a copy that is behind would have one counted twice.
   */
  async #isCurrent({ fresh }: JobView): Promise<boolean> {
    for (const pod of [...fresh.succeeded, ...fresh.failed]) {
      const now = await this.#deps.cluster.refresh(podKind, pod);
      if (now === undefined || !isHeld(now as Pod)) return false;
    }
    return true;
  }

  /** Counts are made from the counts before: they are not written over others. */
  async #say({ metadata, status }: Job, plan: JobPlan): Promise<boolean> {
    const { name, namespace, uid } = metadata;
    let isSame = true;
    await this.#deps.cluster.changeStatus<Job>(jobKind, name, namespace, (draft) => {
      isSame = draft.metadata.uid === uid && jsonEqual(draft.status ?? {}, status ?? {});
      if (!isSame || jsonEqual(draft.status ?? {}, plan.status)) return false;
      draft.status = plan.status;
      return true;
    });
    return isSame;
  }

  /** A Job that has ended goes when its time is over, with its Pods before it. */
  async #expire(job: Job): Promise<Outcome> {
    const { cluster, clock } = this.#deps;
    if (job.metadata.deletionTimestamp !== undefined) return settled;
    const left = expiryOf(job, clock.now());
    if (left === undefined) return settled;
    if (left > 0) return later(left, "it is kept for a while");
    await cluster.delete(jobKind, job, { propagationPolicy: "Foreground" });
    return settled;
  }

  async #release(pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) {
      if (!isHeld(pod)) continue;
      const { name, namespace, uid } = pod.metadata;
      await this.#deps.cluster.change<Pod>(podKind, name, namespace, (draft) => {
        if (draft.metadata.uid !== uid || !isHeld(draft)) return false;
        draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter(
          (one) => one !== trackingFinalizer,
        );
        return true;
      });
    }
  }

  /** Pods that say they are of this Job, and whose Job is gone or has let go of them: nobody counts them. */
  async #releaseStrangers(namespace: string, name: string): Promise<void> {
    const { caches } = this.#deps;
    const uid = caches.jobs.get(name, namespace)?.metadata.uid;
    const strangers = caches.pods
      .by("job", objectKey(name, namespace))
      .filter((pod) => isHeld(pod) && controllerOf(pod)?.uid !== uid);
    await this.#release(strangers);
  }
}

/** Held Pods are found by what they say: the Job that owns them may be gone. */
function heldKeys(pod: Pod | undefined): string[] {
  const name = pod?.metadata.labels?.[jobNameLabel];
  return pod === undefined || name === undefined || !isHeld(pod)
    ? []
    : [objectKey(name, pod.metadata.namespace)];
}

export function jobWakes(caches: Caches): Wake[] {
  const keysIn = (namespace: string): string[] => caches.jobs.by("namespace", namespace).map(keyOf);
  return [
    wakeOn<Job>(jobKind, (before, after) => {
      const job = after ?? before;
      return job === undefined ? [] : [keyOf(job)];
    }),
    wakeOn<Pod>(podKind, (before, after) => [
      ...podOwnerKeys("Job", before, after, keysIn),
      ...heldKeys(after),
    ]),
  ];
}
