import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec, ForeignApp } from "../desired.ts";
import type { ImageConfig } from "../observed.ts";
import {
  ContainerConfigError,
  type ContainerInputs,
  containerStart,
  expandVariables,
  machineFingerprint,
} from "./container-config.ts";
import type { ContainerStart } from "./hypervisor.ts";

const image: ImageConfig = {
  ...{
    architecture: "amd64",
    user: "web:www",
    env: ["PATH=/bin", "LANG=C"],
    entrypoint: ["/run"],
    cmd: ["serve"],
  },
  ...{ workingDir: "/srv", stopSignal: undefined, volumes: [] },
};
type Init = MessageInitShape<typeof ext.ContainerSchema>;

function specOf(container: Init, pod: MessageInitShape<typeof ext.AppExtensionSchema> = {}): AppSpec {
  return {
    ...{
      id: "a" as AppId,
      version: "1",
      displayName: "d/a",
      active: true,
      restartCounter: 0,
      purgeCounter: 0,
    },
    ...{ vcpus: 1, memoryBytes: 1, nics: [], revision: "1", foreign: undefined },
    pod: create(ext.AppExtensionSchema, { name: "a", containers: [{ name: "main", ...container }], ...pod }),
  };
}

function start(container: Init, pod?: MessageInitShape<typeof ext.AppExtensionSchema>): ContainerStart {
  return startOf(specOf(container, pod));
}

function startOf(spec: AppSpec, foreign: ContainerInputs["foreign"] = []): ContainerStart {
  const [first] = spec.pod.containers;
  assert(first !== undefined);
  const secrets = create(ext.AppSecretsSchema, { values: { pw: "s" } });
  const ips = { podIp: "10.77.0.2", hostIp: "192.0.2.9" };
  return containerStart({
    spec,
    container: first,
    index: 1,
    attempt: 1,
    root: { disk: 0 },
    image,
    secrets,
    foreign,
    ...ips,
  });
}

const value = (name: string, text: string) => ({ name, source: { case: "value" as const, value: text } });

describe("what a container is started with", () => {
  const rows: [string, Init, Partial<ContainerStart>][] = [
    ["the image's command", {}, { args: ["/run", "serve"], cwd: "/srv", user: "web:www" }],
    ["own arguments for the image's entrypoint", { args: ["x"] }, { args: ["/run", "x"] }],
    ["an own command without the image's arguments", { command: ["/own"] }, { args: ["/own"] }],
    ["both", { command: ["/own"], args: ["x"] }, { args: ["/own", "x"] }],
    [
      "variables in them",
      { command: ["a$(V)b", "$$(V)", "$(NO)"], env: [value("V", "1")] },
      { args: ["a1b", "$(V)", "$(NO)"] },
    ],
    [
      "nothing of the image's variables in them",
      { command: ["$(PATH)", "$(HOSTNAME)"], env: [value("P", "$(PATH):/own")] },
      { args: ["$(PATH)", "$(HOSTNAME)"], env: ["PATH=/bin", "LANG=C", "HOSTNAME=a", "P=$(PATH):/own"] },
    ],
    [
      "variables over the image's, one of another, and what only the node knows",
      {
        env: [
          value("LANG", "de"),
          value("X", "$(LANG)-$(PW)"),
          { name: "PW", source: { case: "secretKey", value: "pw" } },
          { name: "Y", source: { case: "value", value: "$(PW)" } },
          { name: "IP", source: { case: "fieldPath", value: "status.podIP" } },
        ],
      },
      { env: ["PATH=/bin", "LANG=de", "HOSTNAME=a", "X=de-$(PW)", "PW=s", "Y=s", "IP=10.77.0.2"] },
    ],
    ["a user of its own", { securityContext: { runAsUser: 7n } }, { user: "7" }],
    ["a group of its own", { securityContext: { runAsGroup: 8n } }, { user: "web:8" }],
    ["both again", { securityContext: { runAsUser: 7n, runAsGroup: 8n } }, { user: "7:8" }],
    [
      "limits",
      { resources: { memoryLimitBytes: 5n, cpuLimitMillis: 250n } },
      { memoryBytes: 5, cpuMillis: 250 },
    ],
  ];
  for (const [name, container, wanted] of rows)
    it(name, () => {
      const found = start(container);
      assert.deepEqual({ ...found, ...wanted }, found);
    });

  it("an app of a foreign controller's variables as they are, and what it wrote before", () => {
    const foreign: ForeignApp = {
      ...{ volumes: [], vm: undefined, userData: "", sealedUserData: "", cloudInitVersion: 0 },
      metaData: "none",
    };
    const { env, rootVolume } = startOf({ ...specOf({}), foreign }, [["LANG", "$(PATH) $$"]]);
    assert.deepEqual([env[1], rootVolume], ["LANG=$(PATH) $$", "volume-0"]);
    assert.equal(start({}).rootVolume, "");
  });

  const refused: [string, Init, RegExp][] = [
    [
      "a secret that is not there",
      { env: [{ name: "X", source: { case: "secretKey", value: "no" } }] },
      /couldn't find no for variable X/,
    ],
    [
      "a volume nobody defines",
      { volumeMounts: [{ volume: "v", mountPath: "/v" }] },
      /volume v is mounted but not defined/,
    ],
    ["root where none may be", { securityContext: { runAsNonRoot: true, runAsUser: 0n } }, /runAsNonRoot/],
    [
      "a field the node does not know",
      { env: [{ name: "X", source: { case: "fieldPath", value: "spec.x" } }] },
      /fieldPath spec.x/,
    ],
  ];
  for (const [name, container, message] of refused)
    it(`refuses ${name}`, () =>
      assert.throws(
        () => start(container),
        (error) => error instanceof ContainerConfigError && message.test(error.message),
      ));

  it("mounts ConfigMaps read-only, and refuses to leave a volume", () => {
    const volumes = [{ name: "v", source: { case: "files" as const, value: {} } }];
    const mount = { volume: "v", mountPath: "/v", subPath: "a/b" };
    const { mounts } = start({ volumeMounts: [mount] }, { volumes });
    assert.deepEqual(mounts, [{ volume: "v", path: "/v", subPath: "a/b", readOnly: true }]);
    assert.throws(
      () => start({ volumeMounts: [{ ...mount, subPath: "../x" }] }, { volumes }),
      /must not contain/,
    );
  });
});

describe("expandVariables", () => {
  it("leaves lone dollars and what is not defined", () => {
    assert.equal(expandVariables("$5 $(A) $(B) $$ $(", new Map([["A", "x"]])), "$5 x $(B) $ $(");
  });
});

describe("machineFingerprint", () => {
  const rows: [string, AppSpec, boolean][] = [
    ["variables", specOf({ env: [value("A", "1")] }), false],
    ["an image", specOf({ image: "other" }), true],
    ["its size", { ...specOf({}), memoryBytes: 2 }, true],
    ["a restart", { ...specOf({}), restartCounter: 1 }, true],
    ["a version alone", { ...specOf({}), version: "2" }, false],
  ];
  for (const [name, spec, moves] of rows)
    it(`${moves ? "moves" : "stays"} with ${name}`, () =>
      assert.equal(machineFingerprint(spec) !== machineFingerprint(specOf({})), moves));
});
