import { createHash, X509Certificate } from "node:crypto";
import { type Clock, describeError } from "@selvedge/base";
import { type EdgeNode, type EnrollmentProfile, edgeNodeKind, enrollmentProfileKind } from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { cachesOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";

/** Shows in a profile how many boxes it let in, and whether its certificate can be used. */
export class ProfileReconciler implements Reconciler {
  readonly name = "enrollment-profiles";
  readonly reads: readonly string[] = ["EnrollmentProfile", "EdgeNode"];
  readonly writes: readonly string[] = ["EnrollmentProfile.status"];
  readonly #cluster: Cluster;
  readonly #clock: Clock;

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  async reconcile(name: string): Promise<Outcome> {
    const enrolled = cachesOf(this.#cluster).edgeNodes.by("profile", name).filter(isEnrolled).length;
    await this.#cluster.changeStatus<EnrollmentProfile>(enrollmentProfileKind, name, undefined, (draft) => {
      draft.status ??= {};
      draft.status.conditions ??= [];
      const counted = draft.status.enrolled !== enrolled;
      draft.status.enrolled = enrolled;
      const says = certificateCondition(draft.spec.onboardingCertificate);
      return setCondition(draft.status.conditions, says, this.#clock.now()) || counted;
    });
    return settled;
  }
}

export function profileWakes(): Wake[] {
  const of = (edgeNode: EdgeNode | undefined): string =>
    edgeNode !== undefined && isEnrolled(edgeNode) ? (edgeNode.status?.profile ?? "") : "";
  return [
    wakeOn<EnrollmentProfile>(enrollmentProfileKind, (before, after) =>
      after === undefined || before?.metadata.generation === after.metadata.generation
        ? []
        : [after.metadata.name],
    ),
    wakeOn<EdgeNode>(edgeNodeKind, (before, after) => {
      const [was, is] = [of(before), of(after)];
      return was === is ? [] : [was, is].filter((name) => name !== "");
    }),
  ];
}

function isEnrolled({ status }: EdgeNode): boolean {
  return status?.nodeID !== undefined;
}

function certificateCondition(pem: string): ConditionSays {
  try {
    const { raw, subject } = new X509Certificate(pem);
    const hash = createHash("sha256").update(raw).digest("hex");
    const message = `Admits boxes with the certificate ${subject.replaceAll("\n", ", ")}, SHA-256 ${hash}.`;
    return { type: "Usable", status: "True", reason: "CertificateRead", message };
  } catch (error) {
    const message = `spec.onboardingCertificate cannot be read: ${describeError(error)}.`;
    return { type: "Usable", status: "False", reason: "BadCertificate", message };
  }
}
