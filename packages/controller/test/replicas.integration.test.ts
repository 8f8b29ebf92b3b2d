/** Two controllers on one PostgreSQL, and a node that dials the one that does not lead. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { hardwareHealth, LinkClosedError, type LinkStream, metrics } from "@selvedge/eve-api";
import { kubectlMissing } from "../../../tests/kubectl.ts";
import { postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { type Box, selfSigned } from "./node-world.ts";
import { type ReplicaProcess, twoReplicas } from "./replica-world.ts";
import { Guacd, holdTunnel, reportAsEve, view } from "./screen-box.ts";
import {
  DeviceDoor,
  dialLink,
  enrolledDevice,
  reportDevice,
  reportRunning,
  takeConfig,
} from "./scripted-device.ts";

const missing = postgresMissing() ?? (await kubectlMissing());
const onboarding = await selfSigned("fitter");
const stack = new AsyncDisposableStack();
let leader: ReplicaProcess;
let follower: ReplicaProcess;
let door: DeviceDoor;
let box: Box;
let app = "";

const pod = {
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "echo", namespace: "default" } },
  spec: {
    nodeName: "box-1",
    containers: [{ name: "main", image: "registry.example/echo:1", command: ["/bin/echo"] }],
  },
};

/** A node's side of streams: exec and ports echo their input upper-case, logs are one line, as is an attachment. */
function answer(stream: LinkStream): void {
  const { what, appId } = stream.open;
  if (appId !== app) throw new LinkClosedError(`there is no app ${appId}`, "NotFound");
  if (what.case === "logs") {
    void stream.write(1, Buffer.from("from the node\n")).then(() => stream.reset());
    return;
  }
  if (what.case === "attach") {
    void stream.write(1, Buffer.from("attached\n")).then(() => stream.exit(0));
    return;
  }
  stream.onData(async (_channel, bytes) => {
    await stream.write(1, Buffer.from(Buffer.from(bytes).toString().toUpperCase()));
  });
  stream.onEnd(() => {
    if (what.case !== "port") stream.exit(0);
    else {
      stream.end(1);
      stream.reset();
    }
  });
}

const protocols: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  WebSocket: { KUBECTL_PORT_FORWARD_WEBSOCKETS: "true" },
  SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" },
};

/** What comes back of a word through a forwarded port, after its sender has closed its half. */
async function forwarded(
  replica: ReplicaProcess,
  word: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  await using forward = await replica.portForward("pod/echo", env);
  const socket = connect({ port: forward.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(word);
  return await text(socket);
}

describe("two replicas", { skip: missing ?? false, timeout: 180_000 }, () => {
  before(async () => {
    [leader, follower] = await twoReplicas(stack);
  });
  after(async () => {
    door?.agent.destroy();
    await stack.disposeAsync();
  });

  it("have one authority and one leader", async () => {
    assert.deepEqual([leader.leads, follower.leads], [true, false]);
    assert.equal(leader.rootCertificate, follower.rootCertificate);
    const holder = await follower.kubectl(
      "get lease selvedge-controller -n kube-system -o jsonpath={.spec.holderIdentity}",
    );
    assert.notEqual(holder, "");
  });

  it("admit a box that dials the one that follows, and run its Pod", async () => {
    const profile = {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "shops" } },
      spec: {
        ...{ onboardingCertificate: onboarding.certificatePem, serials: ["box-*"], approve: "Automatic" },
        nodeName: "{serial}",
      },
    };
    await follower.kubectl("apply -f -", JSON.stringify(profile));
    // A box that asks before the leader has heard of it waits, and one of ours asks only once.
    await follower.kubectl("wait --for=condition=Usable enrollmentprofile/shops --timeout=30s");
    door = new DeviceDoor(follower.devicePort, follower.rootCertificate);
    box = await enrolledDevice(door, onboarding, "box-1");
    const first = await waitFor("a configuration", () => takeConfig(box), 20);
    assert.equal(await reportDevice(box, first.hash, []), 201);
    await follower.kubectl("wait --for=condition=Ready node/box-1 --timeout=30s");
    const link = await dialLink(door, box, answer);
    await leader.kubectl("apply -f -", JSON.stringify(pod));
    const taken = await waitFor("the Pod", async () => {
      const found = await takeConfig(box);
      return found?.config.apps.length === 1 ? found : undefined;
    });
    assert.ok(link.changes.length > 0, "the leader pushed through the replica that follows");
    const [instance] = taken.config.apps;
    app = instance?.uuidandversion?.uuid ?? "";
    assert.equal(await reportDevice(box, taken.hash, [app]), 201);
    assert.equal(await reportRunning(box, app, instance?.uuidandversion?.version ?? "", "main"), 201);
    await follower.kubectl("wait --for=condition=Ready pod/echo --timeout=30s");
  });

  for (const which of ["leader", "follower"] as const) {
    it(`carry exec, logs, figures and images by the ${which}`, async () => {
      const replica = which === "leader" ? leader : follower;
      assert.equal(await replica.kubectl("exec -i echo -- shout", "hello\n"), "HELLO\n");
      assert.equal(await replica.kubectl("logs echo"), "from the node\n");
      assert.match(
        await replica.kubectl("get --raw /apis/metrics.k8s.io/v1beta1/nodes"),
        /"kind":"NodeMetricsList"/,
      );
      assert.equal((await replica.kubectl("get --raw /v2/")).trim(), "{}");
      // Who may not is refused by either, in the same words.
      await assert.rejects(replica.kubectl("exec echo --as=mallory -- id"), /User "mallory" cannot/);
    });
  }

  for (const which of ["leader", "follower"] as const) {
    for (const [protocol, env] of Object.entries(protocols)) {
      it(`carry exec, attach and port-forward by the ${which} over ${protocol}`, async () => {
        const replica = which === "leader" ? leader : follower;
        assert.equal(await replica.kubectl("exec -i echo -- shout", "hello\n", env), "HELLO\n");
        assert.equal(await replica.kubectl("attach echo", "", env), "attached\n");
        assert.equal(await forwarded(replica, "half of it is closed", env), "HALF OF IT IS CLOSED");
      });
    }
  }

  it("carry streams of a node that has dialled the other one, much at once", async () => {
    const other = new DeviceDoor(leader.devicePort, leader.rootCertificate);
    await dialLink(other, box, answer);
    assert.equal(await follower.kubectl("exec -i echo -- shout", "hello\n"), "HELLO\n");
    assert.equal(await follower.kubectl("logs echo"), "from the node\n");
    const much = "lorem ipsum ".repeat(200_000);
    for (const env of Object.values(protocols))
      assert.equal((await forwarded(follower, much, env)) === much.toUpperCase(), true);
    await dialLink(door, box, answer);
    other.agent.destroy();
  });

  it("say of the node what it said, by either", async () => {
    const health = { disks: [{ diskName: "sda" }] };
    const sent = await box.post("hardwarehealth", hardwareHealth.ZHardwareHealthSchema, health);
    assert.equal(sent.status, 200);
    const asked = "get --raw /api/v1/nodes/box-1/proxy/hardware";
    const said = await leader.kubectl(asked);
    assert.match(said, /"diskName": "sda"/);
    assert.equal(await follower.kubectl(asked), said);
    const device = create(metrics.deviceMetricSchema, {
      cpuMetric: { totalNs: 200_000_000_000n, upTime: timestampFromMs(100_000) },
      deviceMemory: { memoryMB: 4096, usedEveMB: 1024 },
    });
    const message = { devID: box.id, MetricContent: { case: "dm" as const, value: device } };
    assert.equal((await box.post("metrics", metrics.ZMetricMsgSchema, message)).status, 201);
    for (const replica of [leader, follower]) {
      for (const as of ["", " --as=ops --as-group=system:masters"])
        assert.match(await replica.kubectl(`top nodes${as}`), /^box-1\s+2000m\s+50%/m);
      await assert.rejects(replica.kubectl("top nodes --as=mallory"), /User "mallory" cannot list/);
    }
  });

  it("lead to the screen of a box of EVE's, whichever both sides find", async () => {
    const eve = await enrolledDevice(door, onboarding, "box-2");
    await waitFor("a configuration", () => takeConfig(eve), 20);
    await reportAsEve(eve);
    await follower.kubectl("wait --for=condition=Ready node/box-2 --timeout=30s");
    const metadata = { name: "shown", annotations: { "selvedge.dev/screen": "true" } };
    const spec = { ...pod.spec, nodeName: "box-2" };
    await follower.kubectl("apply -f -", JSON.stringify({ ...pod, metadata, spec }));
    const shown = await waitFor("the Pod", async () => (await takeConfig(eve))?.config.apps[0]);
    await reportAsEve(eve, shown.uuidandversion?.uuid);
    await follower.kubectl("wait --for=jsonpath={.status.phase}=Running pod/shown --timeout=30s");
    await using guacd = new Guacd();
    const { certificatePem: cert, keyPem: key } = eve.device;
    const identity = { ca: follower.rootCertificate, cert, key, node: eve.id };
    const port = await guacd.listen();
    for (const [held, seen] of [
      [follower, follower],
      [follower, leader],
      [leader, follower],
    ] as const) {
      const tunnel = await holdTunnel({ ...identity, port: held.devicePort }, port);
      const gone = once(tunnel, "close");
      await using forward = await seen.portForward("pod/shown", {}, 4822);
      const viewer = await view(forward.port);
      viewer.destroy();
      await gone;
      assert.deepEqual(guacd.connects.pop()?.slice(0, 2), ["127.0.0.1", "5901"]);
    }
    await follower.kubectl("delete pod shown --force --grace-period=0");
  });

  it("serve the node from the other one when the leader dies, with what it had", async () => {
    const before = await waitFor("a configuration", () => takeConfig(box));
    const session = await leader.session();
    await leader.kill();
    const again = await waitFor("a configuration", () => takeConfig(box), 20);
    assert.equal(again.hash, before.hash);
    assert.equal(follower.leads, true);
    assert.equal(await follower.resumes(session), true, "its TLS session as well");
    await dialLink(door, box, answer);
    assert.equal(await follower.kubectl("exec -i echo -- shout", "hello\n"), "HELLO\n");
    assert.match(await follower.kubectl("get pods"), /echo\s+1\/1\s+Running/);
  });

  it("give the lease back when they are told to stop", async () => {
    await leader.start();
    await follower.kill("SIGTERM");
    await waitFor("the other one to lead", async () => (leader.leads ? true : undefined), 20);
    assert.match(await leader.kubectl("get pods"), /echo\s+1\/1/);
  });

  it("leave nobody waiting for a leader that stands still", async () => {
    await follower.start();
    const { mux } = await dialLink(door, box, answer);
    const node = connect(follower.devicePort, "127.0.0.1");
    await using forward = await follower.portForward("pod/echo");
    const user = connect(forward.port, "127.0.0.1");
    user.write("hello");
    assert.equal(String((await once(user, "data"))[0]), "HELLO");
    const left = Promise.all([once(node, "close"), once(user, "close"), mux.closed]);
    leader.standStill(true);
    // A link notices by itself as well, half a minute later.
    assert.doesNotMatch((await left)[2], /ping/);
    await waitFor("the other one to serve it", () => takeConfig(box), 20);
    assert.equal(follower.leads, true);
    await dialLink(door, box, answer);
    assert.equal(await follower.kubectl("exec -i echo -- shout", "hello\n"), "HELLO\n");
    leader.standStill(false);
    await waitFor("the first to follow", async () => (leader.leads ? undefined : true), 20);
    // It says that nobody leads until it has seen who does.
    const said = await waitFor(
      "it to lead there",
      () => leader.kubectl("exec -i echo -- shout", "hello\n"),
      20,
    );
    assert.equal(said, "HELLO\n");
  });
});
