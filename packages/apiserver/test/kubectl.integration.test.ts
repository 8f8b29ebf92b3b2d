/** Stock kubectl, the oldest and the newest we promise, against the server. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, gadget, opensslMissing, type Said } from "./api-world.ts";

const deployment = (image: string, replicas: number): unknown => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } },
  },
});
const thing = (name: string, spec: unknown): unknown => ({
  apiVersion: "lab.example/v1",
  kind: "Gadget",
  metadata: { name, namespace: "default" },
  spec,
});

for (const version of ["1.32", "1.35"] as const satisfies readonly KubectlVersion[]) {
  const skip = (await kubectlMissing(version)) || opensslMissing();
  describe(`kubectl ${version}`, { skip }, () => {
    let world: ApiWorld;
    let binary = "";
    const k = (...words: string[]): Promise<Said> => world.kubectl(binary, words);
    const ok = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await k(...words);
      assert.equal(code, 0, `kubectl ${words.join(" ")}: ${err}`);
      return out;
    };
    before(async () => {
      binary = (await kubectl(version)) ?? "";
      world = await new ApiWorld().start();
    });
    after(() => world[Symbol.asyncDispose]());

    it("creates, reads and deletes what it sends as protobuf", async () => {
      await ok("create", "namespace", "shop");
      await ok("create", "configmap", "settings", "-n", "shop", "--from-literal=a=b");
      await ok("create", "secret", "generic", "password", "-n", "shop", "--from-literal=word=sesame");
      await ok("create", "deployment", "web", "-n", "shop", "--image=web:1", "--replicas=0");
      assert.equal(await ok("get", "cm", "settings", "-n", "shop", "-o", "jsonpath={.data.a}"), "b");
      const word = await ok("get", "secret", "password", "-n", "shop", "-o", "jsonpath={.data.word}");
      assert.equal(word, Buffer.from("sesame").toString("base64"));
      assert.equal(await ok("get", "deploy", "web", "-n", "shop", "-o", "jsonpath={.spec.replicas}"), "0");
      assert.match(await ok("get", "deploy", "-A"), /NAMESPACE +NAME +READY[\s\S]*shop +web +0\/0/);
      assert.match(await ok("delete", "cm", "settings", "-n", "shop"), /deleted/);
      const gone = await k("get", "cm", "settings", "-n", "shop");
      assert.match(gone.err, /Error from server \(NotFound\): configmaps "settings" not found/);
      const again = await k("create", "namespace", "shop");
      assert.match(again.err, /\(AlreadyExists\): namespaces "shop" already exists/);
    });

    it("applies, client-side and server-side, and is told of conflicts", async () => {
      const one = world.file("one.json", deployment("web:1", 2));
      const two = world.file("two.json", deployment("web:2", 3));
      assert.match(await ok("apply", "-f", one), /created/);
      assert.match(await ok("apply", "-f", one), /unchanged/);
      assert.match(await ok("apply", "-f", two), /configured/);
      const diff = await k("diff", "-f", one);
      assert.equal(diff.code, 1, diff.err);
      assert.match(diff.out, /^-.*web:2\n\+.*web:1$/m);
      assert.match(await ok("apply", "--server-side", "-f", two), /serverside-applied/);
      const conflict = await k("apply", "--server-side", "--field-manager=other", "-f", one);
      assert.match(
        conflict.err,
        /Apply failed with 2 conflicts: conflicts with "kubectl":\n- \.spec\.replicas/,
      );
      assert.match(conflict.err, /- \.spec\.template\.spec\.containers\[name="web"\]\.image/);
      await ok("apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", one);
      assert.equal(await ok("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"), "2");
      await ok("apply", "--server-side", "-f", world.file("g.json", thing("made", { size: 1 })));
      assert.match(await ok("apply", "-f", world.file("g.json", thing("csa", { size: 1 }))), /created/);
      assert.match(await ok("apply", "-f", world.file("g.json", thing("csa", { size: 2 }))), /configured/);
    });

    it("refuses what the kind does not have, or warns", async () => {
      const file = world.file("odd.json", thing("odd", { size: 1, colour: "red" }));
      const refused = await k("create", "-f", file);
      assert.match(refused.err, /strict decoding error: unknown field "spec.colour"/);
      assert.equal(refused.code, 1);
      const warned = await k("create", "--validate=warn", "-f", file);
      assert.match(warned.err, /Warning: unknown field "spec.colour"/);
      assert.equal(warned.code, 0);
      const patched = await k(
        "apply",
        "-f",
        world.file("odd.json", thing("odd", { size: 1, colour: "red" })),
      );
      assert.match(patched.err, /strict decoding error: unknown field "spec.colour"/);
      const invalid = await k("patch", "gadget", "odd", "--type=merge", "-p", '{"spec":{"size":-1}}');
      assert.match(invalid.err, /The Gadget "odd" is invalid: .*spec.size/);
      const strategic = await k("patch", "gadget", "odd", "-p", '{"spec":{"size":1}}');
      assert.match(strategic.err, /application\/merge-patch\+json/);
    });

    it("changes in every way", async () => {
      await ok(
        "apply",
        "-f",
        world.file("c.json", deployment("web:1", 1)),
        "--force-conflicts",
        "--server-side",
      );
      await ok("scale", "deploy", "web", "--replicas=4");
      await ok("scale", "gadget", "made", "--replicas=9");
      assert.equal(await ok("get", "gadget", "made", "-o", "jsonpath={.spec.size}"), "9");
      const scale = await ok("get", "deploy", "web", "--subresource=scale");
      assert.match(scale, /^NAME +DESIRED +AVAILABLE +AGE\nweb +4 +0 +\d+s\n$/);
      await ok("set", "image", "deploy/web", "web=web:7");
      await ok("rollout", "restart", "deploy/web");
      await ok("label", "deploy", "web", "tier=front");
      await ok("annotate", "deploy", "web", "note=hi");
      await ok(
        "patch",
        "deploy",
        "web",
        "--type=json",
        "-p",
        '[{"op":"replace","path":"/spec/replicas","value":5}]',
      );
      await ok(
        "patch",
        "gadget",
        "made",
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"size":3}}',
      );
      const path =
        "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image} {.metadata.labels.tier}";
      assert.equal(await ok("get", "deploy", "web", "-o", path), "5 web:7 front");
      assert.match(
        await ok("get", "deploy", "-l", "tier in (front,back)", "-o", "name"),
        /deployment.apps\/web/,
      );
      assert.equal(await ok("get", "deploy", "-l", "tier!=front", "-o", "name"), "");
      assert.match(
        await ok("create", "-f", world.file("d.json", thing("dry", { size: 1 })), "--dry-run=server"),
        /dry run/,
      );
      assert.equal((await k("get", "gadget", "dry")).code, 1);
    });

    it("watches, waits, and sees the end of what it deletes", async () => {
      const file = world.file("w.json", thing("seen", { size: 1 }));
      await ok("create", "-f", file);
      const seen: string[] = [];
      for await (const line of world.lines(binary, [
        "get",
        "gadgets",
        "-w",
        "-o",
        "name",
        "--field-selector=metadata.name=seen",
      ])) {
        seen.push(line);
        if (seen.length === 1) await ok("label", "gadget", "seen", "a=b");
        if (seen.length === 2) break;
      }
      assert.deepEqual(seen, ["gadget.lab.example/seen", "gadget.lab.example/seen"]);
      const waits = ok("wait", "--for=condition=Ready", "gadget/seen", "--timeout=50s");
      const current = await world.objects.get(gadget, "seen", "default");
      await world.objects.updateStatus(gadget, {
        ...current,
        status: { conditions: [{ type: "Ready", status: "True" }] },
      });
      assert.match(await waits, /condition met/);
      const both = await Promise.all([
        ok("wait", "--for=delete", "gadget/seen", "--timeout=50s"),
        ok("delete", "gadget", "seen"),
      ]);
      assert.match(both[1], /deleted/);
    });

    it("explains, and knows who it is and what it may", async () => {
      assert.match(await ok("explain", "gadget.spec"), /size\s+<integer>\s+How large\./);
      assert.match(await ok("explain", "pod.metadata"), /FIELD: metadata <ObjectMeta>/);
      assert.match(await ok("explain", "edgenode.spec"), /GROUP: +selvedge.dev/);
      assert.match(await ok("api-resources", "-o", "name"), /^gadgets.lab.example$/m);
      assert.match(await ok("auth", "whoami"), /Username +root/);
      assert.equal(await ok("auth", "can-i", "delete", "pods"), "yes\n");
      const other = await world.kubectl(binary, ["auth", "can-i", "delete", "pods"], "bob");
      assert.deepEqual([other.code, other.out], [1, "no\n"]);
      const refused = await world.kubectl(binary, ["get", "pods"], "bob");
      assert.match(
        refused.err,
        /\(Forbidden\): pods is forbidden: User "bob" cannot list resource "pods" in API group ""/,
      );
      const stranger = await world.kubectl(binary, ["get", "pods"], "nobody");
      assert.match(stranger.err, /You must be logged in to the server/);
      assert.match(await ok("version"), /Server Version: v1\.\d+\./);
      assert.equal(await ok("get", "--raw", "/readyz"), "ok");
      assert.equal(
        await ok("auth", "whoami", "--as=carol", "-o", "jsonpath={.status.userInfo.username}"),
        "carol",
      );
    });

    it("lists by field, and pages through many", async () => {
      for (let n = 0; n < 7; n++)
        await world.objects.create(gadget, thing(`many-${n}`, { size: n }) as never);
      const names = await ok("get", "gadgets", "--chunk-size=3", "-o", "name");
      assert.equal(names.match(/many-/g)?.length, 7);
      const five = await ok("get", "gadgets", "--field-selector=spec.size=5", "-o", "name");
      assert.equal(five, "gadget.lab.example/many-5\n");
      const unknown = await k("get", "gadgets", "--field-selector=spec.weight=5");
      assert.match(unknown.err, /field label not supported: spec.weight/);
      const sorted = await ok("get", "gadgets", "--sort-by=.spec.size", "--no-headers");
      assert.ok(sorted.indexOf("many-2") < sorted.indexOf("many-4"));
      assert.match(await ok("delete", "gadgets", "--all", "--wait=false"), /many-6.*deleted/);
    });
  });
}
