import { Runner } from "@selvedge/reconcile";
import { type CertificateParts, CertificateReconciler } from "./certificate-reconciler.ts";

export interface CertificateDomain extends AsyncDisposable {
  readonly reconciler: CertificateReconciler;
  start(): Promise<void>;
}

/** Authorities asked at once: a profile that waits holds up no other. */
const askedAtOnce = 2;

export function createCertificateDomain(options: CertificateParts): CertificateDomain {
  const { store, clock, random } = options;
  const log = options.log.child("certificate");
  const reconciler = new CertificateReconciler({ ...options, log });
  const runner = new Runner({ reconciler, clock, random, log, concurrency: askedAtOnce });
  const stops: (() => void)[] = [];
  return {
    reconciler,
    async start() {
      const wake = (): void => {
        const names = store.desired.get()?.certificates?.map(({ name }) => name) ?? [];
        for (const name of new Set([...names, ...store.certificates.keys()])) runner.wake(name);
      };
      stops.push(store.desired.subscribe(wake));
      wake();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
