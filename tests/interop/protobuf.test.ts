/**
 * Protobuf as Kubernetes' own Go writes and reads it: objects of every kind with members left out by chance must be
 * written by us as Go writes them, and client-go must find everything when it takes nothing but protobuf.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { encodeEnvelope } from "@selvedge/apimachinery";
import { below, SeededRandom } from "@selvedge/base";
import { wireMessages } from "@selvedge/harness";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { kubectl, kubectlMissing } from "../kubectl.ts";
import { buildGo, fetchGoModule } from "./go-program.ts";

const program = buildGo("protobuf");
const seed = Number(process.env["SELVEDGE_SEED"] ?? 1);
const seeds = Number(process.env["SELVEDGE_SEEDS"] ?? 1);
/** Of each kind: enough that every member is left out some time. */
const perKind = 40;

const folders: readonly (readonly [module: string, folder: string])[] = [
  ["k8s.io/api@v0.34.1", "testdata/HEAD"],
  ["k8s.io/apiextensions-apiserver@v0.34.1", "pkg/apis/testdata/HEAD"],
];

describe("objects in protobuf", { skip: typeof program === "string" ? program : false }, () => {
  for (let one = seed; one < seed + seeds; one++) {
    for (const [name, folder] of folders) {
      const module = fetchGoModule(name);
      const skip = typeof module === "string" ? module : false;
      it(`are written as Go writes them: ${name}, seed ${one}`, { skip }, () => {
        assert.ok(typeof program === "function" && typeof module === "object");
        const random = new SeededRandom(one);
        const objects = fullObjects(join(module.folder, folder)).flatMap((object) =>
          Array.from({ length: perKind }, () => sparse(object, random)),
        );
        assert.ok(objects.length >= perKind);
        const theirs = program(objects.map((object) => JSON.stringify({ object })));
        const faults = objects.flatMap((object, index) => {
          const { apiVersion, kind } = object;
          const message = wireMessages.get(`${apiVersion} ${kind}`) ?? {};
          const ours = encodeEnvelope(object, message, object).toBase64();
          return ours === theirs[index] ? [] : [`${JSON.stringify(object)}\n${ours}\n${theirs[index]}`];
        });
        assert.equal(faults.length, 0, `${faults.length} of ${objects.length} differ: ${faults[0]}`);
      });
    }
  }
});

interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
}

/** One of each kind with all its members. */
function fullObjects(folder: string): Typed[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json") && !name.includes(".after_"))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Typed)
    .filter(({ apiVersion, kind }) => wireMessages.has(`${apiVersion} ${kind}`));
}

/** The object without some of its members, at any depth. */
function sparse(object: Typed, random: SeededRandom): Typed {
  const rate = below(random, 9) + 1;
  const keep = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(keep);
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value).filter(([name]) => isFixed(name) || below(random, 10) < rate);
    return Object.fromEntries(members.map(([name, member]) => [name, keep(member)]));
  };
  return keep(object) as Typed;
}

/** Without these it would be another object, or JSON that Go does not hold in parts. */
function isFixed(name: string): boolean {
  return ["apiVersion", "kind", "fieldsV1", "data"].includes(name);
}

const noKubectl = await kubectlMissing("1.34");

describe("client-go", { skip: typeof program === "string" ? program : noKubectl }, () => {
  it("finds everything in protobuf alone", { timeout: 120_000 }, async () => {
    assert.ok(typeof program === "function");
    await using controller = new ControllerProcess();
    const tokens = join(controller.folder, "tokens.csv");
    const digest = createHash("sha256").update("admin-token").digest("hex");
    writeFileSync(tokens, `${digest},admin,admin,"system:masters"\n`);
    await controller.start(["--token-auth-file", tokens]);
    const apply = async (...objects: readonly object[]): Promise<void> => {
      const words = ["--kubeconfig", controller.kubeconfig, "apply", "-f", "-"];
      const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
      execFileSync((await kubectl("1.34")) ?? "", words, { input, stdio: ["pipe", "ignore", "inherit"] });
    };
    const namespace = "proto";
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, gadgets);
    const established = ["wait", "--for=condition=Established", "crd/gadgets.example.com"];
    execFileSync((await kubectl("1.34")) ?? "", ["--kubeconfig", controller.kubeconfig, ...established]);
    await apply({ apiVersion: "example.com/v1", kind: "Gadget", metadata: { name: "own", namespace } });
    const host = `https://127.0.0.1:${controller.kubePort}`;
    const server = { host, token: "admin-token", namespace, custom: "gadgets", count: 20 };
    const [answer = ""] = program([JSON.stringify({ server })]);
    const { types, ...found } = JSON.parse(answer) as { types: Record<string, number>; failed?: string };
    assert.deepEqual(found, {
      ...{ listed: 20, pages: 3, gone: true, data: "map[n:2] map[bytes:[0 255]] map[a:1 b:2] 1" },
      informed: ["added 0", "updated 1", "updated 2", "deleted 2"],
      ...{ replicas: 3, ready: 2, allowed: true, user: "admin", token: true },
      ...{ partials: ["default", "robot"], customs: ["own"] },
      refused: ["404 NotFound", "422 Invalid", "404 NotFound", "406 NotAcceptable"],
    });
    assert.deepEqual(Object.keys(types).sort(), [
      "application/vnd.kubernetes.protobuf",
      "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
      "application/vnd.kubernetes.protobuf;stream=watch",
    ]);
  });
});

const gadgets = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "gadgets.example.com" },
  spec: {
    ...{ group: "example.com", scope: "Namespaced", names: { kind: "Gadget", plural: "gadgets" } },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};
