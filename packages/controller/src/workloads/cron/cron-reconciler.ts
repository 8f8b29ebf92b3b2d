import { jsonEqual } from "@selvedge/base";
import { isReason, keyOf, objectKey, splitKey } from "@selvedge/client";
import { type CronJob, cronJobKind, type Job, jobKind } from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { controllerOf } from "../../objects/caches.ts";
import { type Wake, wakeOn } from "../../objects/wiring.ts";
import { later } from "../later.ts";
import { refusalText } from "../pod-control.ts";
import type { WorkloadDeps } from "../pod-owner.ts";
import { type CronNews, planCronJob } from "./cron-plan.ts";

const component = "cronjob-controller";

/** Makes Jobs by the clock. The key is `namespace/name`. */
export class CronJobReconciler implements Reconciler {
  readonly name = "cronjob";
  readonly reads: readonly string[] = ["CronJob", "Job"];
  readonly writes: readonly string[] = ["Job (of a CronJob)", "CronJob.status"];
  readonly #deps: WorkloadDeps;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const cron = caches.cronJobs.get(name, namespace);
    if (cron === undefined) return settled;
    const jobs = caches.jobs.by("owner", cron.metadata.uid ?? "");
    const plan = planCronJob(cron, jobs, clock.now());
    for (const job of plan.remove) {
      await cluster.delete(jobKind, job, { propagationPolicy: "Background" });
      const message = `Deleted job ${job.metadata.name}`;
      await this.#tell(cron, { type: "Normal", reason: "SuccessfulDelete", message });
    }
    const made = plan.create === undefined ? undefined : await this.#start(cron, plan.create);
    for (const news of plan.news) await this.#tell(cron, news);
    await cluster.changeStatus<CronJob>(cronJobKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== cron.metadata.uid) return false;
      const active = [...(plan.status.active ?? []), ...(made === undefined ? [] : [referenceTo(made)])];
      const status = { ...plan.status, ...(active.length > 0 && { active }) };
      if (jsonEqual(status, draft.status ?? {})) return false;
      draft.status = status;
      return true;
    });
    return later(plan.again, "waiting for the next run");
  }

  async #start(cron: CronJob, job: Job): Promise<Job | undefined> {
    const { name } = job.metadata;
    try {
      const made = await this.#deps.cluster.create<Job>(jobKind, job);
      await this.#tell(cron, { type: "Normal", reason: "SuccessfulCreate", message: `Created job ${name}` });
      return made;
    } catch (error) {
      // Made before a stop that came before the status: it is the run that was due.
      if (isReason(error, "AlreadyExists")) return undefined;
      const message = `Error creating job: ${refusalText(error)}`;
      await this.#tell(cron, { type: "Warning", reason: "FailedCreate", message });
      throw error;
    }
  }

  async #tell(cron: CronJob, news: CronNews): Promise<void> {
    await this.#deps.events.record(cron, { ...news, component });
  }
}

function referenceTo({
  apiVersion,
  kind,
  metadata,
}: Job): NonNullable<NonNullable<CronJob["status"]>["active"]>[number] {
  const { name, namespace = "", uid = "", resourceVersion = "" } = metadata;
  return { kind, namespace, name, uid, apiVersion, resourceVersion };
}

export function cronJobWakes(): Wake[] {
  return [
    wakeOn<CronJob>(cronJobKind, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<Job>(jobKind, (before, after) => {
      const job = after ?? before;
      const owner = job && controllerOf(job);
      return owner?.kind === "CronJob" ? [objectKey(owner.name, job?.metadata.namespace)] : [];
    }),
  ];
}
