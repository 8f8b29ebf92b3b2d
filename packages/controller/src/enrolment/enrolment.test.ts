import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Box, NodeWorld, selfSigned, textOf } from "../../test/node-world.ts";
import { conditionOf } from "../objects/conditions.ts";
import { matchesGlob } from "./admission.ts";
import { strangersMax } from "./registration-plan.ts";

const onboarding = await selfSigned("onboarding");
const other = await selfSigned("another onboarding");

describe("a box with an onboarding certificate of a profile", () => {
  it("becomes a node without a human, with the profile's labels", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding, {
      serials: ["SHOP-*"],
      labels: { site: "lyon" },
      nodeName: "n-{serial}",
    });
    const box = await Box.make(world, onboarding, "SHOP-17");
    assert.equal(await box.register(), 201);
    const id = await box.fetchUuid();
    const node = world.edgeNode("n-shop-17");
    assert.equal(node?.status?.nodeID, id);
    assert.equal(node?.status?.phase, "Enrolled");
    assert.equal(node?.status?.profile, "batch");
    assert.equal(node?.status?.serial, "SHOP-17");
    assert.deepEqual(node?.spec.labels, { site: "lyon" });
    assert.equal(conditionOf(node?.status?.conditions, "Enrolled")?.status, "True");
  });

  it("may register as often as it likes", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const box = await Box.make(world, onboarding, "A");
    assert.equal(await box.register(), 201);
    const id = await box.fetchUuid();
    for (let round = 0; round < 3; round++) assert.equal(await box.register(), 200);
    const { headers } = await world.request("register", box.registration());
    assert.equal(headers["content-type"], "application/x-proto-binary", "EVE's client fails without");
    assert.equal(await box.fetchUuid(), id);
    assert.equal(world.edgeNodes().length, 1);
  });

  it("is new, though the reconciler was quicker to give it a name", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const box = await Box.make(world, onboarding, "A");
    const { cluster } = world;
    const create = cluster.create.bind(cluster);
    Object.assign(cluster, {
      create: async (...args: Parameters<typeof create>) => {
        const made = await create(...args);
        await world.reconcile(made.metadata.name);
        return made;
      },
    });
    assert.equal(await box.register(), 201);
    assert.equal(await box.register(), 200);
  });

  it("is refused with a serial that no profile admits, and leaves no trace", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding, { serials: ["SHOP-??"] });
    const box = await Box.make(world, onboarding, "SHOP-1");
    const answer = await world.request("register", box.registration());
    assert.equal(answer.status, 403);
    assert.match(textOf(answer), /admits serial "SHOP-1"/);
    assert.equal(await box.fetchUuid(), 401);
    assert.deepEqual(world.edgeNodes(), []);
  });

  it("is admitted by its software serial when the hardware's is not", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding, { serials: ["soft-1"] });
    const box = await Box.make(world, onboarding, "Default string");
    const body = box.registration({ softSerial: "soft-1" });
    assert.equal((await world.request("register", body)).status, 201);
    assert.equal(world.edgeNode("soft-1")?.status?.serial, "soft-1");
  });

  it("conflicts with another box of the same serial until that one's EdgeNode is deleted", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const first = await Box.enrolled(world, onboarding, "A");
    const second = await Box.make(world, onboarding, "A");
    const answer = await world.request("register", second.registration());
    assert.equal(answer.status, 409);
    assert.match(textOf(answer), /EdgeNode a, which has another certificate/);
    await world.deleteEdgeNode("a");
    assert.equal(await first.fetchUuid(), 401);
    assert.equal(await second.register(), 201);
    assert.notEqual(await second.fetchUuid(), first.id);
  });

  it("gets a name of its own when serials read alike", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    for (const serial of ["A_1", "A.1", "a-1", "-- --", ""]) {
      assert.equal(await (await Box.make(world, onboarding, serial)).register(), 201, serial);
    }
    const names = world.edgeNodes().map(({ metadata }) => metadata.name);
    assert.equal(new Set(names).size, 5);
    assert.ok(names.includes("a-1") && names.includes("a.1"), names.join());
    for (const name of names) assert.match(name, /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
  });

  it("waits when its profile asks a human, and is let in at its next attempt after approval", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding, { approve: "Manual" });
    const box = await Box.make(world, onboarding, "A");
    const answer = await world.request("register", box.registration());
    assert.equal(answer.status, 403);
    assert.match(textOf(answer), /kubectl patch edgenode a /);
    assert.equal(await box.fetchUuid(), 401);
    assert.equal(world.edgeNode("a")?.status?.phase, "Waiting");
    await world.changeSpec("a", { approved: true });
    assert.equal(world.edgeNode("a")?.status?.phase, "Enrolled");
    assert.equal(await box.register(), 200);
    assert.equal(await box.fetchUuid(), world.edgeNode("a")?.status?.nodeID);
  });
});

describe("a stranger", () => {
  it("waits where a human sees it, and comes in when approved", async () => {
    await using world = await NodeWorld.start();
    const box = await Box.make(world, other, "X-1");
    assert.equal(await box.register(), 403);
    assert.equal(await box.register(), 403);
    const [waiting, ...more] = world.edgeNodes();
    assert.deepEqual(more, []);
    assert.equal(waiting?.metadata.name, "x-1");
    assert.equal(waiting?.status?.phase, "Waiting");
    assert.match(conditionOf(waiting?.status?.conditions, "Enrolled")?.message ?? "", /no EnrollmentProfile/);
    await world.changeSpec("x-1", { approved: true });
    assert.equal(typeof (await box.fetchUuid()), "string");
  });

  it("comes in by itself once a profile lets it, but not after a human turned it away", async () => {
    await using world = await NodeWorld.start();
    const box = await Box.make(world, onboarding, "A");
    assert.equal(await box.register(), 403);
    await world.addProfile(onboarding, { labels: { site: "lyon" } });
    assert.equal(await box.register(), 201);
    assert.deepEqual(world.edgeNode("a")?.spec.labels, { site: "lyon" });
    assert.equal(world.edgeNode("a")?.status?.profile, "batch");
    await world.changeSpec("a", { approved: false });
    assert.equal(await box.register(), 403);
  });

  it("does not keep the box that has its serial by right from coming in", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    await (await Box.make(world, other, "A")).register();
    const box = await Box.make(world, onboarding, "A");
    assert.equal(await box.register(), 201);
    assert.equal(world.edgeNodes().length, 2);
  });

  it("is turned away when enough wait already, while members still come in", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    for (let count = 0; count < strangersMax; count++) {
      await (await Box.make(world, other, `S-${count}`)).register();
    }
    const answer = await world.request("register", (await Box.make(world, other, "late")).registration());
    assert.match(textOf(answer), /100 boxes wait for approval already/);
    assert.equal(world.edgeNodes().length, strangersMax);
    assert.equal(await (await Box.make(world, onboarding, "member")).register(), 201);
  });
});

describe("a box registered beforehand", () => {
  it("by its certificate is a node before it is ever heard of", async () => {
    await using world = await NodeWorld.start();
    const box = await Box.make(world, other, "A");
    await world.addEdgeNode("mine", { deviceCertificate: box.device.certificatePem });
    assert.equal(await box.fetchUuid(), world.edgeNode("mine")?.status?.nodeID);
    assert.equal(await box.register(), 200);
    assert.equal(world.edgeNodes().length, 1);
  });

  it("by its serial takes that EdgeNode, even where a human would be asked", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding, { approve: "Manual" });
    await world.addEdgeNode("till-3", { serial: "A", labels: { row: "3" } });
    assert.equal(world.edgeNode("till-3")?.status?.phase, undefined);
    const box = await Box.make(world, onboarding, "A");
    assert.equal(await box.register(), 201);
    assert.equal(world.edgeNode("till-3")?.status?.nodeID, await box.fetchUuid());
    assert.equal(world.edgeNode("till-3")?.status?.phase, "Enrolled");
  });

  it("by its serial is not given away to a stranger", async () => {
    await using world = await NodeWorld.start();
    await world.addEdgeNode("till-3", { serial: "A" });
    assert.equal(await (await Box.make(world, other, "A")).register(), 403);
    assert.equal(world.edgeNode("till-3")?.spec.deviceCertificate, undefined);
  });

  it("twice is one node, the older, until that one is deleted", async () => {
    const first = await NodeWorld.start();
    const box = await Box.make(first, other, "A");
    await first.addEdgeNode("b-older", { deviceCertificate: box.device.certificatePem });
    first.clock.at += 5_000;
    await first.addEdgeNode("a-younger", { deviceCertificate: box.device.certificatePem });
    assert.equal(first.edgeNode("a-younger")?.status?.phase, "Refused");
    const enrolled = conditionOf(first.edgeNode("a-younger")?.status?.conditions, "Enrolled");
    assert.match(enrolled?.message ?? "", /EdgeNode b-older has the same certificate/);
    const id = await box.fetchUuid();
    assert.equal(id, first.edgeNode("b-older")?.status?.nodeID);
    await first[Symbol.asyncDispose]();
    await using second = await NodeWorld.start(first.remains);
    const again = new Box(second, other, "A", box.device);
    assert.equal(await again.fetchUuid(), id, "whatever order they are read in");
    await second.deleteEdgeNode("b-older");
    await second.reconcile("a-younger");
    assert.equal(await again.fetchUuid(), second.edgeNode("a-younger")?.status?.nodeID);
  });

  it("with a certificate that is none is refused with the field", async () => {
    await using world = await NodeWorld.start();
    await world.addEdgeNode("mine", {
      deviceCertificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    });
    assert.equal(world.edgeNode("mine")?.status?.phase, "Refused");
    const message = conditionOf(world.edgeNode("mine")?.status?.conditions, "Enrolled")?.message;
    assert.match(message ?? "", /spec.deviceCertificate is not a PEM certificate/);
  });
});

describe("a node", () => {
  it("that is revoked is turned away, and let in again as the same node", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const box = await Box.enrolled(world, onboarding, "A");
    await world.changeSpec("a", { approved: false });
    assert.equal(world.edgeNode("a")?.status?.phase, "Refused");
    assert.equal((await box.poll()).status, 404);
    assert.equal(await box.register(), 403);
    assert.deepEqual(world.detached, [box.id]);
    await world.changeSpec("a", { approved: true });
    assert.equal(await box.fetchUuid(), world.edgeNode("a")?.status?.nodeID);
  });

  it("that is deleted is unknown, and comes back as a new one", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const box = await Box.enrolled(world, onboarding, "A");
    const before = box.id;
    await world.deleteEdgeNode("a");
    assert.equal((await box.poll()).status, 404, "the engine asks for its UUID then");
    assert.equal(await box.fetchUuid(), 401);
    assert.equal(await box.register(), 201);
    assert.notEqual(await box.fetchUuid(), before);
    assert.deepEqual(world.detached, [before]);
  });

  it("is known after a restart, with its token", async () => {
    const first = await NodeWorld.start();
    await first.addProfile(onboarding);
    const box = await Box.enrolled(first, onboarding, "A");
    first.configs.set(box.id, { config: new Uint8Array(), hash: "h" });
    assert.equal((await box.poll("h")).status, 304);
    await first[Symbol.asyncDispose]();
    await using second = await NodeWorld.start(first.remains);
    second.configs.set(box.id, { config: new Uint8Array(), hash: "h" });
    const again = new Box(second, onboarding, "A", box.device);
    assert.equal(await again.fetchUuid(), box.id);
    again.token = box.token;
    assert.equal((await again.poll("h")).status, 304, "it need not attest again");
  });

  it("shows whether it has proved what it runs", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const woken: string[] = [];
    world.wired[0]?.connect?.((key) => woken.push(key));
    await Box.enrolled(world, onboarding, "A");
    assert.deepEqual(woken, ["a"]);
    await world.reconcile("a");
    const attested = conditionOf(world.edgeNode("a")?.status?.conditions, "Attested");
    assert.deepEqual(
      [attested?.status, attested?.reason],
      ["False", "SoftwareKeys"],
      "a word proves nothing",
    );
    assert.match(attested?.message ?? "", /without a TPM.*1\.0/);
  });
});

describe("a profile", () => {
  it("shows how many boxes it let in, and which certificate it goes by", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    for (const serial of ["A", "B"]) await Box.enrolled(world, onboarding, serial);
    await world.reconcile("batch");
    const { status } = world.profile("batch") ?? {};
    assert.equal(status?.enrolled, 2);
    assert.match(
      conditionOf(status?.conditions, "Usable")?.message ?? "",
      /CN=onboarding, SHA-256 [0-9a-f]{64}/,
    );
    await world.deleteEdgeNode("a");
    await world.reconcile("batch");
    assert.equal(world.profile("batch")?.status?.enrolled, 1);
  });

  it("does not count boxes that wait for approval", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding, { approve: "Manual" });
    await (await Box.make(world, onboarding, "A")).register();
    await world.reconcile("batch");
    assert.deepEqual(
      [world.edgeNode("a")?.status?.profile, world.profile("batch")?.status?.enrolled],
      ["batch", 0],
    );
  });
});

describe("requests in a node's name that were refused", () => {
  it("show in its status, and go on being counted after a restart", async () => {
    const first = await NodeWorld.start();
    await first.addProfile(onboarding);
    const box = await Box.enrolled(first, onboarding, "A");
    const woken: string[] = [];
    first.wired[0]?.connect?.((key) => woken.push(key));
    const refuse = async (world: NodeWorld): Promise<void> => {
      await world.request("info", new Uint8Array(), { node: box.id });
    };
    for (let count = 0; count < 5; count++) await refuse(first);
    assert.deepEqual(woken, ["a", "a", "a"], "at the 1st, 2nd and 4th");
    await first.reconcile("a");
    assert.deepEqual(first.edgeNode("a")?.status?.refused, { unknown: 5 });
    await first[Symbol.asyncDispose]();
    await using second = await NodeWorld.start(first.remains);
    await refuse(second);
    for (let round = 0; round < 2; round++) {
      await second.reconcile("a");
      assert.deepEqual(second.edgeNode("a")?.status?.refused, { unknown: 6 });
    }
  });
});

describe("many boxes at once", () => {
  it("each get one EdgeNode, however often they call", async () => {
    await using world = await NodeWorld.start();
    await world.addProfile(onboarding);
    const boxes = await Promise.all(
      Array.from({ length: 30 }, (_, index) => Box.make(world, onboarding, `B-${index}`)),
    );
    const statuses = await Promise.all([...boxes, ...boxes].map((box) => box.register()));
    assert.equal(statuses.filter((status) => status === 201).length, 30);
    assert.equal(statuses.filter((status) => status === 200).length, 30);
    assert.equal(world.edgeNodes().length, 30);
    const ids = await Promise.all(boxes.map((box) => box.fetchUuid()));
    assert.equal(new Set(ids).size, 30);
  });
});

describe("a serial pattern", () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ["*", "", true],
    ["*", "anything", true],
    ["A-*", "A-", true],
    ["A-*", "B-1", false],
    ["*-7", "A-7-7", true],
    ["A?C", "ABC", true],
    ["A?C", "AC", false],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["[a]", "a", false],
    ["A.B", "AxB", false],
  ];
  for (const [pattern, text, expected] of rows) {
    it(`${pattern} ${expected ? "admits" : "does not admit"} ${JSON.stringify(text)}`, () =>
      assert.equal(matchesGlob(pattern, text), expected));
  }

  it("made to take for ever does not", () => {
    assert.equal(matchesGlob("*a".repeat(500), "a".repeat(400)), false);
  });
});
