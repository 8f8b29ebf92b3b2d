import { type Clock, describeError, type Log, toRfc3339 } from "@selvedge/base";
import type { ObjectView } from "@selvedge/client";
import { type CertificateSigningRequest, certificateSigningRequestKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Cluster } from "../objects/cluster.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { parseRequest, subjectOf } from "../pki/client-certificates.ts";
import type { Pki } from "../pki/pki.ts";
import { planCertificate, type Signer, subjectFault } from "./certificate-plan.ts";

export interface CertificateDeps {
  readonly cluster: Cluster;
  readonly requests: ObjectView<CertificateSigningRequest>;
  readonly pki: Pick<Pki, "signClient">;
  readonly clock: Clock;
  readonly log: Log;
}

type Made =
  | { readonly type: "signed"; readonly pem: string; readonly subject: string }
  | { readonly type: "fault"; readonly message: string };

/** Signs what was approved for a signer of ours, and removes what is over. The key is the request's name. */
export class CertificateReconciler implements Reconciler {
  readonly name = "certificates";
  readonly reads: readonly string[] = ["CertificateSigningRequest"];
  readonly writes: readonly string[] = ["CertificateSigningRequest.status", "removal of old requests"];
  readonly #deps: CertificateDeps;

  constructor(deps: CertificateDeps) {
    this.#deps = deps;
  }

  async reconcile(name: string): Promise<Outcome> {
    const { cluster, requests, clock } = this.#deps;
    const request = requests.get(name);
    if (request === undefined) return settled;
    const step = planCertificate(request, clock.now());
    switch (step.type) {
      case "sign":
        await this.#sign(request, step.signer, step.seconds);
        return settled;
      case "fail":
        await this.#fail(name, step.message);
        return settled;
      case "delete":
        await cluster.delete(certificateSigningRequestKind, request);
        return settled;
      case "wait":
        return lookAgain("kept until it is over", step.for);
    }
  }

  async #sign(request: CertificateSigningRequest, signer: Signer, seconds: number): Promise<void> {
    const { log, cluster } = this.#deps;
    const { name } = request.metadata;
    const made = await this.#certificate(request, signer, seconds);
    if (made.type === "fault") return await this.#fail(name, made.message);
    await cluster.changeStatus<CertificateSigningRequest>(
      certificateSigningRequestKind,
      name,
      undefined,
      (draft) => {
        if (draft.status?.certificate) return false;
        draft.status = { ...draft.status, certificate: Buffer.from(`${made.pem}\n`).toString("base64") };
        return true;
      },
    );
    log.info("signed a certificate", { request: name, subject: made.subject, signer, seconds });
  }

  /** What cannot be signed now can never be: the request does not change. */
  async #certificate({ spec }: CertificateSigningRequest, signer: Signer, seconds: number): Promise<Made> {
    try {
      const request = await parseRequest(Buffer.from(spec.request, "base64").toString());
      const subject = subjectOf(request);
      const message = subjectFault(signer, subject);
      if (message !== undefined) return { type: "fault", message };
      const enciphers = spec.usages?.includes("key encipherment") === true;
      const pem = await this.#deps.pki.signClient(request, enciphers, seconds);
      return { type: "signed", pem, subject: subject.commonName };
    } catch (error) {
      return { type: "fault", message: describeError(error) };
    }
  }

  async #fail(name: string, message: string): Promise<void> {
    const { cluster, clock } = this.#deps;
    const now = toRfc3339(clock.now());
    await cluster.changeStatus<CertificateSigningRequest>(
      certificateSigningRequestKind,
      name,
      undefined,
      (draft) => {
        const conditions = draft.status?.conditions ?? [];
        if (conditions.some(({ type }) => type === "Failed")) return false;
        const failed = { type: "Failed", status: "True", reason: "SignerValidationFailure", message };
        const times = { lastUpdateTime: now, lastTransitionTime: now };
        draft.status = { ...draft.status, conditions: [...conditions, { ...failed, ...times }] };
        return true;
      },
    );
  }
}

export function certificateWakes(): Wake[] {
  return [
    wakeOn<CertificateSigningRequest>(certificateSigningRequestKind, (_before, after) =>
      after === undefined ? [] : [after.metadata.name],
    ),
  ];
}
