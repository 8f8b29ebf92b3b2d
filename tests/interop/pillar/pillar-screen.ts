/** A Pod's screen, seen with a stock kubectl through the tunnel of EVE's own `wstunnelclient`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { podKind } from "@selvedge/kinds";
import { forwardScreen, Guacd, view } from "../../../packages/controller/test/screen-box.ts";
import { kubectl } from "../../kubectl.ts";
import { shownPod } from "./pillar-wishes.ts";
import { type PillarWorld, soon } from "./pillar-world.ts";

/** Where a box has guacd. */
const guacdPort = 4822;

export async function seesScreen(world: PillarWorld): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const guacd = stack.use(new Guacd());
  await guacd.listen(guacdPort);
  const { kube, controller } = world;
  const { metadata } = await kube.apply(podKind, shownPod);
  const uid = metadata.uid ?? "";
  const { FixedResources: machine } = await world.appConfig(uid, ({ RemoteConsole }) => RemoteConsole);
  assert.deepEqual([machine.EnableVnc, machine.VncDisplay], [true, 1]);
  await world.podIs("shown", ({ status }) => status?.phase === "Running");
  const words = ["--kubeconfig", controller.kubeconfig, "--cache-dir", controller.folder];
  const program = (await kubectl()) ?? "";
  const { child, port } = await forwardScreen(program, [...words, "port-forward", "pod/shown"]);
  stack.defer(() => void child.kill("SIGKILL"));
  // The second waits for the tunnel that EVE dials half a minute after the first.
  for (const count of [1, 2]) {
    const viewer = await view(port);
    const picture = Buffer.alloc(1_000_000, "4.blob,9.abcdefghi;");
    viewer.write(picture);
    let got = 0;
    while (got < picture.length) {
      const [part] = (await once(viewer, "data")) as [Buffer];
      assert.ok(part.equals(picture.subarray(got, got + part.length)));
      got += part.length;
    }
    viewer.destroy();
    await soon("EVE to end it at guacd", async () => (guacd.ended === count ? true : undefined));
  }
  const shown = ["127.0.0.1", "5901", "true", "secret", ""];
  assert.deepEqual(guacd.connects, [shown, shown]);
  await kube.delete(podKind, "shown", "default", { gracePeriodSeconds: 1 });
  await soon("the app to be gone", async () =>
    (await world.box.published("zedmanager", "AppInstanceStatus")).has(uid) ? undefined : true,
  );
}
