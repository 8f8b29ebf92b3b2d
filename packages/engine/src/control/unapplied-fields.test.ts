import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import { allFields, readFields } from "../../test/config-fields.ts";
import { meaningless, unappliedFields, unsupported } from "./unapplied-fields.ts";

/** Read by those who accept a configuration, before and after it is translated. */
const elsewhere = ["controllercert_confighash", "controller_epoch", "config_timestamp"].map(
  (name) => `EdgeDevConfig.${name}`,
);

describe("the fields of a configuration", () => {
  const all = allFields();
  const read = new Set([...readFields(), ...elsewhere]);
  const listed = { ...unsupported, ...meaningless };

  it("are all read, or told as unsupported, or said to mean nothing", () => {
    /** A message in a field that is listed is passed over whole. */
    const reached = new Set(allFields((field) => field in listed));
    assert.deepEqual(
      [...reached].filter((field) => !read.has(field) && !(field in listed)),
      [],
    );
  });

  it("are called meaningless only when nobody reads them, and there are no others in the lists", () => {
    assert.deepEqual(
      Object.keys(meaningless).filter((field) => read.has(field)),
      [],
    );
    assert.deepEqual(
      Object.keys(listed).filter((field) => !all.has(field)),
      [],
    );
  });

  type Init = MessageInitShape<typeof config.EdgeDevConfigSchema>;
  const told: readonly (readonly [string, Init, readonly string[]])[] = [
    ["nothing of nothing", {}, []],
    ["what is asked of the node", { disks: {}, cluster: { clusterName: "c" } }, ["disks", "cluster"]],
    [
      "of one app of two",
      { apps: [{ activate: true }, { remoteConsole: true, fixedresources: { enableVncShimVm: true } }] },
      ["apps[1].fixedresources.enable_vnc_shim_vm", "apps[1].remoteConsole"],
    ],
    [
      "how a port finds its proxy",
      { networks: [{ entProxy: { networkProxyEnable: true, pacfile: "x" } }] },
      ["networks[0].entProxy.pacfile", "networks[0].entProxy.networkProxyEnable"],
    ],
    ["nothing that says what is so anyhow", { apps: [{ remoteConsole: false, affinity: 0 }] }, []],
  ];
  for (const [name, init, places] of told)
    it(`are told where they are: ${name}`, () => {
      const found = unappliedFields(create(config.EdgeDevConfigSchema, init));
      assert.deepEqual([...found.keys()].sort(), [...places].sort());
    });

  it("are told up to a number that a report has room for", () => {
    const apps = Array.from({ length: 99 }, () => ({ remoteConsole: true }));
    assert.equal(unappliedFields(create(config.EdgeDevConfigSchema, { apps })).size, 32);
  });
});
