/** What is wrong with a Pod on any cluster, though no box does what it says. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { container, errorsOf, withSpec, withVolume } from "../../test/pod-specs.ts";

const term = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]";
const near = (more: object): unknown => {
  const terms = [{ topologyKey: "z", ...more }];
  return withSpec({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } });
};
const onField = (...values: string[]): unknown => {
  const terms = [{ matchFields: [{ key: "metadata.name", operator: "In", values }] }];
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
  return withSpec({ affinity: { nodeAffinity: required } });
};
const local = (of: string): unknown => withSpec({ securityContext: { [of]: { type: "Localhost" } } });
const claimed = "spec.volumes[0].ephemeral.volumeClaimTemplate";
const rows: readonly (readonly [what: string, spec: unknown, ...errors: (string | RegExp)[]])[] = [
  [
    "goes to a node of no name",
    onField("A_"),
    /values\[0\]: Invalid value: "A_": a lowercase RFC 1123 subdomain/,
  ],
  ["is near to no namespace", near({ namespaces: ["A.b"] }), /\.namespace: Invalid value: "A.b": /],
  [
    "is near to whatever has its label, whatever that is",
    near({ matchLabelKeys: ["a"] }),
    `${term}.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set`,
  ],
  [
    "is near to what it must not be near to",
    near({ labelSelector: {}, matchLabelKeys: ["a"], mismatchLabelKeys: ["a"] }),
    `${term}.matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys`,
  ],
  [
    "waits for one thing twice",
    withSpec({ schedulingGates: [{ name: "a" }, { name: "a" }] }),
    'spec.schedulingGates[1]: Duplicate value: "a"',
  ],
  [
    "has a profile of no name",
    local("seccompProfile"),
    /Required value: must be set when seccomp type is Localhost/,
  ],
  [
    "has another of no name",
    local("appArmorProfile"),
    /Required value: must be set when AppArmor type is Localhost/,
  ],
  [
    "has a path that leads out of the box's folder, to what is nothing",
    withVolume({ hostPath: { path: "/a/..", type: "x" } }),
    /path: Invalid value: "\/a\/..": must not contain '..'/,
    /type: Unsupported value: "x": supported values: "", "BlockDevice"/,
  ],
  [
    "has a folder of no server",
    withVolume({ nfs: { server: "", path: "a" } }),
    "spec.volumes[0].nfs.server: Required value",
    'spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path',
  ],
  [
    "has a volume of no driver",
    withVolume({ csi: { driver: "-" } }),
    /csi.driver: Invalid value: "-": a lowercase/,
  ],
  ["has a claim of nothing", withVolume({ ephemeral: {} }), `${claimed}: Required value`],
  [
    "has a claim for nothing",
    withVolume({ ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"] } } } }),
    `${claimed}.spec.resources[storage]: Required value`,
  ],
  [
    "shows mounts as nobody does",
    {
      ...(withVolume({}) as object),
      containers: [{ ...container, volumeMounts: [{ name: "v", mountPath: "/v", mountPropagation: "x" }] }],
    },
    /volumeMounts.mountPropagation: Unsupported value: "x"/,
  ],
];

describe("a Pod that cannot be anywhere", () => {
  for (const [what, spec, ...errors] of rows)
    it(what, () => {
      const found = errorsOf(spec);
      assert.equal(found.length, errors.length, found.join("\n"));
      for (const [index, error] of errors.entries())
        if (typeof error === "string") assert.equal(found[index], error);
        else assert.match(found[index] ?? "", error);
    });
});
