/** Nodes that exist and are silent: registered by their own certificates, with a configuration each. */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { millis, SystemClock, sleep } from "@selvedge/base";
import { makeCertificate, toPem, validity } from "@selvedge/engine";
import { type EdgeNode, edgeNodeKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";

const clock = new SystemClock();
const writesAtOnce = 64;
const lookEvery = millis(2000);
const pageSize = 5000;
/** They share a key: what tells them apart is the certificate. */
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** Adds nodes until there are `size`, and waits until each has been given its configuration. */
export async function registerUpTo(
  size: number,
  from: number,
  client: KubeClient,
  progress: (line: string) => void,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < size; index = next++) {
      await client.create<EdgeNode>(edgeNodeKind, {
        ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: `silent-${index}` } },
        spec: { deviceCertificate: await certificateOf(index) },
      });
      if (index % 10_000 === 9999) progress(`${index + 1} nodes registered`);
    }
  };
  await Promise.all(Array.from({ length: writesAtOnce }, worker));
  for (let ready = 0; ready < size; ) {
    await sleep(clock, lookEvery);
    ready = await countReady(client);
    progress(`${ready} nodes have a configuration`);
  }
}

async function countReady(client: KubeClient): Promise<number> {
  let ready = 0;
  let token: string | undefined;
  do {
    const list = await client.list<EdgeNode>(edgeNodeKind, {
      limit: pageSize,
      ...(token !== undefined && { continue: token }),
    });
    ready += list.items.filter(({ status }) => status?.configHash?.rendered !== undefined).length;
    token = list.metadata.continue || undefined;
  } while (token !== undefined);
  return ready;
}

async function certificateOf(index: number): Promise<string> {
  const subject = { organization: "Selvedge harness", commonName: `silent-${index}` };
  const der = await makeCertificate({
    ...{ subject, issuer: subject, authority: true, usages: ["digitalSignature", "certificateSign"] },
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    serial: new Uint8Array(createHash("sha256").update(subject.commonName).digest()).subarray(0, 8),
    ...validity(clock.now()),
    sign: async (bytes) =>
      new Uint8Array(sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" })),
  });
  return toPem(der);
}
