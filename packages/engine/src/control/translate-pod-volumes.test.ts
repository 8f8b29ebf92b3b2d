import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { VolumeSpec } from "../desired.ts";
import { podVolumesOf } from "./translate-pod-volumes.ts";

const id = (last: number): string => `44444444-4444-4444-8444-44444444444${last}`;
const volumes = [1, 2].map(
  (last) => ({ id: id(last), generation: last, form: "blank", readOnly: false }) as VolumeSpec,
);
const odd = { ...volumes[0], id: id(3), unsupported: "too round" } as VolumeSpec;
const fault = { field: "volumes[3].origin", message: "it has no content" };
const unread = { ...volumes[0], id: id(4), unread: { ...fault, goesOn: false } } as VolumeSpec;
const before = { ...volumes[0], id: id(5), unread: { ...fault, goesOn: true } } as VolumeSpec;

function uses(...ids: readonly string[]): ReturnType<typeof podVolumesOf> {
  const pod = create(ext.AppExtensionSchema, {
    volumes: [
      { name: "cache", source: { case: "emptyDir", value: {} } },
      ...ids.map((volumeId, at) => ({
        name: `v${at}`,
        source: { case: "nodeVolume" as const, value: { volumeId } },
      })),
    ],
  });
  return podVolumesOf(pod, "app", { volumes: [...volumes, odd, unread, before] });
}

describe("the volumes of the node that a Pod names", () => {
  const rows: [string, string[], [string, string][], RegExp | undefined][] = [
    ["are none", [], [], undefined],
    [
      "are its machine's disks",
      [id(2), id(1)],
      [
        ["v0", `${id(2)}#2`],
        ["v1", `${id(1)}#1`],
      ],
      undefined,
    ],
    ["are one disk by two names", [id(1), id(1).toUpperCase()], [["v0", `${id(1)}#1`]], undefined],
    ["are waited for", [id(9)], [], /^app\.volumes\.v0\.node_volume\.volume_id: no volume has uuid/],
    ["may be what they were before", [id(5)], [["v0", `${id(5)}#1`]], undefined],
    ["may be of a kind that is not made here", [id(3)], [["v0", `${id(3)}#1`]], /: too round$/],
  ];
  for (const [name, ids, wanted, why] of rows)
    it(name, () => {
      const { podVolumes, hindrance } = uses(...ids);
      assert.deepEqual(
        podVolumes.map(({ name: called, key }) => [called, key]),
        wanted,
      );
      if (why === undefined) assert.equal(hindrance, undefined);
      else assert.match(hindrance?.message ?? "", why);
    });

  it("are named by UUIDs", () => {
    const field = "app.volumes.v0.node_volume.volume_id";
    assert.throws(() => uses("data"), { name: "ConfigFault", field });
  });

  it("make what is wrong with one that nobody knows wrong with the Pod", () => {
    assert.throws(() => uses(id(4)), { name: "ConfigFault", ...fault });
  });
});
