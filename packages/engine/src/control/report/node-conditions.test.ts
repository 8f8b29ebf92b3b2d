import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Confinement, Hypervisor } from "../../app/hypervisor.ts";
import type { Disk } from "../../host/disk.ts";
import type { KeyStore } from "../../identity/key-store.ts";
import { NodeConditions } from "./node-conditions.ts";

async function reasons(confinement: Confinement | undefined, logFault = ""): Promise<Record<string, string>> {
  const disk = { free: async () => ({ bytes: 50, totalBytes: 100 }) } as unknown as Disk;
  const keys = { kind: "tpm", place: "TPM" } as unknown as KeyStore;
  const port = { emulated: false, confinement: async () => confinement } as unknown as Hypervisor;
  const hypervisor = confinement === undefined ? undefined : port;
  const operator = { fault: "", troubles: [] };
  const said = await new NodeConditions({ keys, disk, hypervisor, operator }).read(logFault);
  return Object.fromEntries(said.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

describe("how well apps are confined", () => {
  const rows: [string, Confinement | undefined, string | undefined][] = [
    ["users and limits", { limits: true, unprivileged: true }, "True Confined"],
    ["no control groups", { limits: false, unprivileged: true }, "False NoControlGroups"],
    ["an engine that is not root", { limits: true, unprivileged: false }, "False SharedUser"],
    ["no machines at all", undefined, undefined],
  ];
  for (const [name, confinement, wanted] of rows)
    it(`${name}: ${wanted ?? "nothing is said"}`, async () => {
      assert.equal((await reasons(confinement))["AppConfinement"], wanted);
    });
});

it("a firmware's log that cannot be read is a condition, and one that can is none", async () => {
  assert.equal((await reasons(undefined))["FirmwareLog"], undefined);
  assert.equal((await reasons(undefined, "the log is unreadable"))["FirmwareLog"], "False Unreadable");
});
