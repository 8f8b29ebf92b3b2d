/** A node, and who looks into it, whose connections are each at another of two replicas. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { on, once } from "node:events";
import { after, before, describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { attest, config } from "@selvedge/eve-api";
import { WebSocket } from "ws";
import { kubectlMissing } from "../../../tests/kubectl.ts";
import { postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { Box, envelope, selfSigned } from "./node-world.ts";
import { nonceFor, quoteOf, send, uploadKey } from "./quoting-box.ts";
import { type ReplicaProcess, twoReplicas } from "./replica-world.ts";
import { DeviceDoor, enrolledDevice, takeConfig } from "./scripted-device.ts";

const missing = postgresMissing() ?? (await kubectlMissing());
const onboarding = await selfSigned("fitter");
const stack = new AsyncDisposableStack();
const { SUCCESS, NONCE_MISMATCH } = attest.ZAttestResponseCode;
const piece = 64 * 1024;
/** The one who leads, and the one who follows. */
let leader: Place;
let follower: Place;
let session = "";

/** A replica, and the same box as it knows it. */
interface Place {
  readonly replica: ReplicaProcess;
  readonly box: Box;
}

const crossed = (): readonly (readonly [Place, Place])[] => [
  [leader, follower],
  [follower, leader],
];

/** One end of a session of EdgeView, as EVE's programs dial it. */
function dial({ replica }: Place, host: string): WebSocket {
  const headers = { "x-session-token": session, "x-hostname": host };
  const url = `wss://127.0.0.1:${replica.devicePort}/edge-view`;
  return new WebSocket(url, { headers, ca: replica.rootCertificate });
}

const boxName = "box-1-EV-server";

/** Both ends, once each has been told where it is. */
async function meet(boxAt: Place, personAt: Place): Promise<readonly [box: WebSocket, person: WebSocket]> {
  const box = dial(boxAt, boxName);
  await once(box, "message");
  const person = dial(personAt, "laptop");
  await once(person, "message");
  return [box, person];
}

/** Until so many bytes have come. */
async function bytesOf(end: WebSocket, count: number): Promise<void> {
  let left = count;
  for await (const [data, isBinary] of on(end, "message", { close: ["close"] })) {
    if (isBinary === true) left -= (data as Buffer).length;
    if (left === 0) return;
  }
  throw new Error(`the end has closed, ${left} bytes before the last`);
}

async function part(...ends: readonly WebSocket[]): Promise<void> {
  const closed = ends.map((end) => once(end, "close"));
  for (const end of ends) end.close();
  await Promise.all(closed);
}

/** What the leader has counted of polls for a configuration. */
async function polls({ replica }: Place, proof: "remembered" | "verified"): Promise<number> {
  const page = await replica.kubectl("get --raw /metrics");
  const counts = page.matchAll(
    new RegExp(`^selvedge_gateway_polls_total\\{proof="${proof}",.*\\} (\\d+)$`, "gm"),
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe("a node at two replicas", { skip: missing ?? false, timeout: 120_000 }, () => {
  before(async () => {
    const [leads, follows] = await twoReplicas(stack);
    const profile = {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "shops" } },
      spec: {
        ...{ onboardingCertificate: onboarding.certificatePem, serials: ["box-*"], approve: "Automatic" },
        nodeName: "{serial}",
      },
    };
    await follows.kubectl("apply -f -", JSON.stringify(profile));
    // A box that asks before the leader has heard of it waits, and one of ours asks only once.
    await follows.kubectl("wait --for=condition=Usable enrollmentprofile/shops --timeout=30s");
    const [there, here] = [leads, follows].map((replica) => {
      const door = new DeviceDoor(replica.devicePort, replica.rootCertificate);
      stack.defer(() => door.agent.destroy());
      return door;
    }) as [DeviceDoor, DeviceDoor];
    const box = await enrolledDevice(here, onboarding, "box-1");
    const same = new Box(there, onboarding, "box-1", box.device);
    same.id = box.id;
    leader = { replica: leads, box: same };
    follower = { replica: follows, box };
  });
  after(() => stack.disposeAsync());

  it("proves what it runs at one over the nonce of the other", async () => {
    await uploadKey(follower.box);
    for (const [asked, told] of crossed()) {
      const { response } = await send(told.box, quoteOf(await nonceFor(asked.box)));
      assert.equal(response, SUCCESS);
      asked.box.token = told.box.token;
      assert.notEqual(await takeConfig(asked.box), undefined, "the token of one is good at the other");
    }
  });

  it("polls at one with what the other has verified", async () => {
    for (const [first, second] of crossed()) {
      const asked = create(config.ConfigRequestSchema, { integrityToken: first.box.token });
      const poll = envelope(first.box.device, toBinary(config.ConfigRequestSchema, asked));
      const ids = { node: first.box.id };
      assert.equal((await first.box.world.request("config", poll, ids)).status, 200);
      const before = [await polls(leader, "verified"), await polls(leader, "remembered")] as const;
      assert.equal((await second.box.world.request("config", poll, ids)).status, 200);
      assert.equal(await polls(leader, "verified"), before[0]);
      assert.equal(await polls(leader, "remembered"), before[1] + 1);
    }
  });

  it("goes on with a TLS session of the other", async () => {
    for (const [first, second] of crossed())
      assert.equal(await second.replica.resumes(await first.replica.session()), true);
  });

  it("is looked into by who has dialled the other one", async () => {
    const dispatcher = `127.0.0.1:${follower.replica.devicePort}/edge-view`;
    const remoteAccess = { dispatcher, expires: "2100-01-01T00:00:00Z", allow: ["Device"] };
    await follower.replica.kubectl(
      `patch edgenode box-1 --type merge -p ${JSON.stringify({ spec: { remoteAccess } })}`,
    );
    const raw = "create --raw /api/v1/nodes/box-1/proxy/edgeview -f /dev/null";
    const { token } = await waitFor(
      "a token",
      async () => JSON.parse(await follower.replica.kubectl(raw)) as { token: string },
    );
    assert.equal((JSON.parse(await leader.replica.kubectl(raw)) as { token: string }).token, token);
    session = createHash("sha256").update(token).digest("base64url");
    for (const [boxAt, personAt] of crossed()) {
      // What is dialled a second after the token was made is known by it.
      const [box, person] = await waitFor("both ends", () => meet(boxAt, personAt));
      for (const [from, to] of [
        [box, person],
        [person, box],
      ] as const) {
        const heard = bytesOf(to, 16 * piece);
        for (let count = 0; count < 16; count++) from.send(Buffer.alloc(piece));
        await heard;
      }
      await part(box, person);
    }
  });

  it("is rid of somebody at the other replica who reads nothing", async () => {
    const left = (): number =>
      leader.replica.log.join("").match(/"an end of a remote session has left","side":"person"/g)?.length ??
      0;
    await waitFor("those before to have left", async () => (left() === 2 ? true : undefined));
    const [box, person] = await meet(leader, follower);
    person.pause();
    let sent = 0;
    for (; left() === 2; sent += piece)
      await new Promise<void>((resolve) => box.send(Buffer.alloc(piece), () => resolve()));
    assert.ok(sent > 8 << 20, `${sent} bytes were too much already`);
    assert.equal(box.readyState, WebSocket.OPEN);
    person.terminate();
    await part(box);
  });

  it("is looked into at the survivor when the leader dies, and has its token, but no nonce", async () => {
    const nonce = await nonceFor(follower.box);
    const [box, person] = await meet(leader, follower);
    const left = Promise.all([once(box, "close"), once(person, "close")]);
    for (const end of [box, person]) end.on("error", () => undefined);
    await leader.replica.kill();
    await left;
    await waitFor("the other one to serve it", () => takeConfig(follower.box), 20);
    const [again, same] = await waitFor("both ends", () => meet(follower, follower), 20);
    const heard = on(again, "message");
    same.send("hw");
    for await (const [data] of heard) if (String(data) === "hw") break;
    await part(again, same);
    assert.equal((await send(follower.box, quoteOf(nonce))).response, NONCE_MISMATCH);
    assert.equal((await send(follower.box, quoteOf(await nonceFor(follower.box)))).response, SUCCESS);
  });
});
