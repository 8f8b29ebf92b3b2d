import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { cronJobKind, horizontalPodAutoscalerKind, podKind } from "@selvedge/kinds";
import { decodeFault } from "./decode-fault.ts";

/** Its members are of every type there is on the wire. */
const kind: KindDefinition = {
  ...{
    group: "",
    version: "v1",
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    namespaced: true,
    columns: [],
  },
  schema: { type: "object" },
  protobuf: {
    1: { name: "bytes", type: "bytes" },
    2: { name: "small", type: "int32" },
    3: { name: "large", type: "int64" },
    4: { name: "share", type: "double" },
    5: { name: "port", type: "int-or-string" },
    6: { name: "since", type: "time" },
    7: { name: "amounts", type: "map", values: "quantity" },
    8: { name: "texts", type: "map", values: "string" },
    9: { name: "own", type: "message", embedded: true, message: { 1: { name: "flag", type: "bool" } } },
    10: { name: "any", type: "raw-extension" },
    11: { name: "extra", type: "map", values: "texts" },
  },
};
const into = "into Go struct field Pod.";

const asTime = (text: string): string => `parsing time "${text}" as "2006-01-02T15:04:05Z07:00"`;

describe("what Go cannot read", () => {
  const rows: readonly (readonly [object: object, fault: string | undefined])[] = [
    [
      { bytes: "YQ==", small: 1, large: 2 ** 40, share: 0.5, port: "a", since: "2026-01-01T00:00:00Z" },
      undefined,
    ],
    [{ amounts: { cpu: "1", memory: 2 }, texts: { a: "b" }, flag: true, any: [1], other: 1 }, undefined],
    [{ small: null, texts: { a: null } }, undefined],
    [{ bytes: 1 }, `json: cannot unmarshal number ${into}bytes of type []uint8`],
    [{ bytes: "Y\nQ==\n" }, undefined],
    [{ extra: { a: ["b"] } }, undefined],
    [{ extra: { a: "b" } }, `json: cannot unmarshal string ${into}extra of type v1.ExtraValue`],
    [{ extra: { a: [1] } }, `json: cannot unmarshal number ${into}extra of type string`],
    [{ bytes: "Y" }, "illegal base64 data at input byte 0"],
    [{ bytes: "YQ" }, "illegal base64 data at input byte 0"],
    [{ bytes: "YQ=Y" }, "illegal base64 data at input byte 2"],
    [{ bytes: "YWI=Y" }, "illegal base64 data at input byte 4"],
    [{ bytes: "=" }, "illegal base64 data at input byte 0"],
    [{ small: 2 ** 31 }, `json: cannot unmarshal number 2147483648 ${into}small of type int32`],
    [{ small: 1.5 }, `json: cannot unmarshal number 1.5 ${into}small of type int32`],
    [{ large: true }, `json: cannot unmarshal bool ${into}large of type int64`],
    [{ share: "1" }, `json: cannot unmarshal string ${into}share of type float64`],
    [{ port: 1.5 }, `json: cannot unmarshal number 1.5 ${into}port of type int32`],
    [{ port: 3e9 }, `json: cannot unmarshal number 3000000000 ${into}port of type int32`],
    [{ since: 1 }, `json: cannot unmarshal number ${into}since of type string`],
    ...Object.entries({
      "": `${asTime("")}: cannot parse "" as "2006"`,
      "2020-01-01": `${asTime("2020-01-01")}: cannot parse "" as "T"`,
      "2020-13-01T00:00:00Z": 'parsing time "2020-13-01T00:00:00Z": month out of range',
      "2020-02-30T00:00:00Z": 'parsing time "2020-02-30T00:00:00Z": day out of range',
      "2020-01-01T00:00:00": `${asTime("2020-01-01T00:00:00")}: cannot parse "" as "Z07:00"`,
      "2020-01-01T00:00:00Zx": 'parsing time "2020-01-01T00:00:00Zx": extra text: "x"',
      "2020-01-01T00:00:00.5+02:00": undefined,
    }).map(([since, fault]) => [{ since }, fault] as const),
    [{ amounts: { cpu: "1KiB" } }, /^quantities must match/.source],
    [{ amounts: { cpu: "1kk" } }, "unable to parse quantity's suffix"],
    [{ amounts: "1" }, `json: cannot unmarshal string ${into}amounts of type v1.ResourceList`],
    [{ texts: [] }, `json: cannot unmarshal array ${into}texts of type map[string]string`],
    [{ texts: { a: {} } }, `json: cannot unmarshal object ${into}texts of type string`],
    [{ flag: "yes", small: "1" }, `json: cannot unmarshal string ${into}flag of type bool`],
  ];
  for (const [members, fault] of rows) {
    it(`of ${JSON.stringify(members)} is ${fault}`, () => {
      const found = decodeFault(kind, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {},
        ...members,
      } as KubeObject);
      if (fault?.startsWith("^")) assert.match(found ?? "", new RegExp(fault));
      else assert.equal(found, fault);
    });
  }
});

describe("what Go cannot read into a type of its own", () => {
  const tolerations = [{ effect: 1 }];
  for (const [of, members, fault] of [
    [podKind, { spec: { restartPolicy: false } }, "bool PodSpec.spec.restartPolicy of type v1.RestartPolicy"],
    [
      podKind,
      { metadata: { ownerReferences: [{ uid: 5 }] } },
      "number OwnerReference.metadata.ownerReferences.uid of type types.UID",
    ],
    [
      cronJobKind,
      { spec: { jobTemplate: { spec: { template: { spec: { tolerations } } } } } },
      "number Toleration.spec.jobTemplate.spec.template.spec.tolerations.effect of type v1.TaintEffect",
    ],
    [
      horizontalPodAutoscalerKind,
      { spec: { metrics: ["x"] } },
      "string HorizontalPodAutoscalerSpec.spec.metrics of type v2.MetricSpec",
    ],
  ] as const)
    it(fault, () => {
      const [what, ...where] = fault.split(" ");
      const expected = `json: cannot unmarshal ${what} into Go struct field ${where.join(" ")}`;
      assert.equal(decodeFault(of, { kind: of.kind, ...members } as unknown as KubeObject), expected);
    });
});
