/**
 * Our engine under a controller that knows nothing of us: Adam, as its authors publish it. One box and one app live
 * through what EVE's administrators do, in this order:
 *
 *   enrol and attest with a TPM · run an app of EVE's own fields · change · restart · purge · other keys of the
 *   controller's · attest anew · another engine · stop and start · maintenance · profiles · somebody beside the box ·
 *   reboot · delete
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { certs, type info, info as infoApi, type logs, type metrics } from "@selvedge/eve-api";
import { makeOnboardingPair } from "../../packages/cli/src/up/node-config.ts";
import { checkout } from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { buildAdam } from "./adam/adam-build.ts";
import { Adam, certify } from "./adam/adam-process.ts";
import type { AdamStream } from "./adam/adam-stream.ts";
import { boxAddress, boxMissing, EngineBox, hostAddress, layCable } from "./adam/engine-box.ts";
import { ImageRegistry } from "./adam/image-registry.ts";
import { LocalServer } from "./adam/local-server.ts";
import { type AppWish, ids, type Wish, writeConfig } from "./adam/wishes.ts";

/** Of this run: another may be under way. */
const adamPort = 18_080 + (process.pid % 200);
const localPort = 8888;
const serial = "ADAM-BOX-1";
const guestMissing = existsSync(join(checkout, ".cache/guest/vmlinux"))
  ? false
  : "the guest is not built; run ./selvedge test interop";
const program = boxMissing() || guestMissing || buildAdam();
const skip = typeof program === "string" ? program : false;

const { CERT_TYPE_DEVICE_ECDH_EXCHANGE, CERT_TYPE_DEVICE_RESTRICTED_SIGNING } = certs.ZCertType;
const { RUNNING, HALTED, DELIVERED, CREATED_VOLUME, INVALID } = infoApi.ZSwState;
const { AttestationState } = infoApi;

let stack: AsyncDisposableStack;
let adam: Adam;
let box: EngineBox;
let device: string;
let wish: Wish;
let told: AdamStream<info.ZInfoMsg>;
let measured: AdamStream<metrics.ZMetricMsg>;
let logged: AdamStream<logs.LogEntry>;
let appLogged: AdamStream<logs.LogEntry>;
let requests: AdamStream<string>;
/** Each step begins where the one before ended. */
let broken = false;

/** What failed, with what both ends said of it. */
function step(name: string, work: () => Promise<void>): void {
  it(name, async (test) => {
    if (broken) return test.skip("a step before this one failed");
    try {
      await work();
    } catch (error) {
      broken = true;
      const tail = async (log: Promise<string>): Promise<string> =>
        (await log.catch(() => "")).split("\n").slice(-40).join("\n");
      console.error(`engine:\n${await tail(box.log())}\nAdam:\n${await tail(adam.log())}`);
      throw error;
    }
  });
}

/** Configures the app otherwise than before. */
async function change(app: Partial<AppWish>): Promise<void> {
  assert.ok(wish.app);
  wish = { ...wish, app: { ...wish.app, ...app } };
  await adam.configure(device, await writeConfig(wish));
}

/** Configures the box as a whole otherwise. */
async function operate(more: Partial<Wish>): Promise<void> {
  wish = { ...wish, ...more };
  await adam.configure(device, await writeConfig(wish));
}

type Content = NonNullable<info.ZInfoMsg["InfoContent"]>;
type Value<C extends Content["case"]> = Extract<Content, { case: C }>["value"];

/** Waits until the box tells, after `mark`, what fits of one kind of thing. */
async function tells<C extends Exclude<Content["case"], undefined>>(
  what: string,
  kind: C,
  fits: (value: NonNullable<Value<C>>) => boolean | undefined,
  mark = 0,
): Promise<NonNullable<Value<C>>> {
  return await told.next(
    what,
    ({ InfoContent }) => {
      if (InfoContent.case !== kind) return undefined;
      const value = InfoContent.value as NonNullable<Value<C>>;
      return fits(value) ? value : undefined;
    },
    mark,
  );
}

async function appIs(state: info.ZSwState, mark: number): Promise<info.ZInfoApp> {
  const name = infoApi.ZSwStateSchema.value[state]?.name;
  return await tells(
    `the app to be ${name}`,
    "ainfo",
    (it) => it.AppID === ids.app && it.state === state,
    mark,
  );
}

async function page(port: number): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get({ host: boxAddress, port, agent: false, timeout: 3000 }, resolve);
    request.on("error", reject).on("timeout", () => request.destroy(new Error("no answer")));
  });
  return (await text(response)).trim();
}

/** The app's page once it is this start's. */
async function served(start: number, port: number): Promise<string> {
  return await waitFor(`start ${start} at port ${port}`, async () => {
    const line = await page(port);
    return line.startsWith(`start=${start} `) ? line : undefined;
  });
}

describe("our engine and Adam", { skip, timeout: 600_000 }, () => {
  before(async () => {
    stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "selvedge-adam-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    stack.use(await layCable());
    assert.ok(typeof program === "object");
    adam = stack.use(await Adam.start(program.path, join(folder, "adam"), hostAddress, adamPort));
    const keys = await adam.rotate("signing", "agreement");
    const tls = await certify("registry", { type: "server", names: [hostAddress] }, adam.root);
    const registry = stack.use(await ImageRegistry.start(folder, hostAddress, tls));
    const onboarding = await makeOnboardingPair("onboarding", new Date());
    await adam.onboard(onboarding.certificate, serial);
    box = stack.use(
      await EngineBox.start({
        ...{ folder: join(folder, "box"), server: `${hostAddress}:${adamPort}` },
        ...{ rootCertificate: `${adam.root.certificatePem}\n`, onboarding, serial },
      }),
    );
    wish = {
      device: "",
      registry: { address: `${hostAddress}:${registry.port}`, certificate: adam.root.certificatePem },
      sealing: { controller: keys.agreement, box: "" },
      app: undefined,
    };
  });

  after(async () => {
    await stack?.disposeAsync();
  });

  step("it enrols, and proves with its TPM what it is", async () => {
    device = await waitFor("the box to register", async () => (await adam.devices())[0]);
    requests = await adam.requests(device);
    told = await adam.info(device);
    measured = await adam.metrics(device);
    logged = await adam.logs(device);
    appLogged = await adam.logs(device, ids.app);
    wish = { ...wish, device };
    await adam.configure(device, await writeConfig(wish));
    const { COMPLETE } = AttestationState;
    const found = await tells("it is attested", "dinfo", (it) => it.attestationInfo?.state === COMPLETE);
    assert.equal(found.HSMStatus, infoApi.HwSecurityModuleStatus.ENABLED);
    assert.equal((await adam.options(device)).attested, true);
    const poll = "timer.config.interval";
    await tells("settings", "dinfo", (it) => it.configItemStatus?.configItems[poll]?.value === "5");
    const ssh = "debug.enable.ssh";
    const items = await tells("items", "dinfo", (it) =>
      Boolean(it.configItemStatus?.configItems[ssh]?.error),
    );
    assert.match(items.configItemStatus?.configItems[ssh]?.error ?? "", /^not supported: /);
    const uploaded = await adam.certificates(device);
    assert.ok(uploaded.some(({ type }) => type === CERT_TYPE_DEVICE_RESTRICTED_SIGNING));
    const exchange = uploaded.find(({ type }) => type === CERT_TYPE_DEVICE_ECDH_EXCHANGE);
    assert.ok(exchange);
    const boxPem = Buffer.from(exchange.cert, "base64").toString();
    wish = { ...wish, sealing: { ...wish.sealing, box: boxPem } };
  });

  step("it runs a container of EVE's own fields, and tells of it", async () => {
    wish = {
      ...wish,
      app: {
        ...{ activate: true, nodePort: 8081, restart: 0, purge: 0, sealed: false },
        ...{ userData: "GREETING=hello=world\nSECRET=none\n", memoryKib: 196_608, vcpus: 2 },
      },
    };
    await adam.configure(device, await writeConfig(wish));
    const app = await appIs(RUNNING, 0);
    assert.equal(app.AppName, "counter");
    assert.match(app.network[0]?.IPAddrs[0] ?? "", /^10\.11\.12\./);
    const line = await served(1, 8081);
    assert.match(line, / args=one two words greeting=hello=world secret=none image=yes cpus=2 /);
    const kib = Number(/ kib=(\d+)$/.exec(line)?.[1]);
    assert.ok(kib > 100_000 && kib <= 196_608, `${kib} KiB of memory`);
    await tells(
      "the network",
      "niinfo",
      (it) => it.networkID === ids.network && it.activated && it.vifs[0]?.appID === ids.app,
    );
    await tells("the content", "cinfo", (it) => it.uuid === ids.content && it.state === DELIVERED);
    await tells("the volume", "vinfo", (it) => it.uuid === ids.volume && it.state === CREATED_VOLUME);
    await measured.next("the app's metrics", ({ am }) =>
      am.find(({ AppID, cpu }) => AppID === ids.app && (cpu?.totalNs ?? 0n) > 0n),
    );
    const entry = await appLogged.next("the app's log", (it) =>
      it.content.startsWith("start=1 ") ? it : undefined,
    );
    assert.equal(entry.severity, "info");
  });

  step("a port that is mapped otherwise leaves the app alone", async () => {
    await change({ nodePort: 8082 });
    await served(1, 8082);
    await assert.rejects(page(8081));
  });

  step("a restart keeps what the app wrote", async () => {
    const mark = told.mark;
    await change({ restart: 1 });
    await served(2, 8082);
    await appIs(RUNNING, mark);
  });

  step("a purge throws it away", async () => {
    const mark = told.mark;
    await change({ purge: 1, userData: "GREETING=purged" });
    assert.match(await served(1, 8082), / greeting=purged /);
    await tells("the new volume", "vinfo", (it) => it.uuid === ids.volume && it.generationCount === 1n, mark);
  });

  step("it goes along when the controller changes its signing key", async () => {
    await adam.rotate("signing");
    await change({ nodePort: 8083 });
    await served(1, 8083);
  });

  step("it hears of another encryption key, and opens what is sealed with that", async () => {
    const keys = await adam.rotate("agreement");
    wish = { ...wish, sealing: { ...wish.sealing, controller: keys.agreement } };
    await change({ restart: 2, sealed: true, userData: "SECRET=only for this box" });
    assert.match(await served(2, 8083), / secret=only for this box /);
  });

  step("a void token makes it attest anew, and nothing else", async () => {
    const before = (await adam.options(device)).nonce;
    const mark = requests.mark;
    await adam.forgetToken(device);
    await requests.next("another attestation", (url) => (url.endsWith("/attest") ? url : undefined), mark);
    await change({ nodePort: 8084 });
    await served(2, 8084);
    assert.notEqual((await adam.options(device)).nonce, before);
  });

  step("a box that measured something else gets no configuration; what runs goes on", async () => {
    const { RESTART_WAIT, COMPLETE } = AttestationState;
    const { swList } = await tells("its version", "dinfo", (it) => it.swList.length > 0);
    const version = swList[0]?.shortVersion ?? "";
    await adam.demand(version, "ff".repeat(32));
    let mark = told.mark;
    await adam.forgetToken(device);
    await tells("it is refused", "dinfo", (it) => it.attestationInfo?.state === RESTART_WAIT, mark);
    await served(2, 8084);
    await adam.demand(version, undefined);
    mark = told.mark;
    await tells("it is attested", "dinfo", (it) => it.attestationInfo?.state === COMPLETE, mark);
  });

  step("another engine takes over what the one before left running, and sends its log", async () => {
    const mark = requests.mark;
    await box.restartEngine();
    await requests.next("another attestation", (url) => (url.endsWith("/attest") ? url : undefined), mark);
    await served(2, 8084);
    await logged.next("a line of the first engine's", ({ content }) =>
      content.includes("configuration accepted") ? content : undefined,
    );
    await change({ nodePort: 8085 });
    await served(2, 8085);
  });

  step("it stops and starts the app", async () => {
    let mark = told.mark;
    await change({ activate: false });
    await appIs(HALTED, mark);
    assert.equal(await box.machines(), 0);
    mark = told.mark;
    await change({ activate: true });
    await served(3, 8085);
    await appIs(RUNNING, mark);
  });

  step("in maintenance it begins nothing new, and what runs goes on", async () => {
    let mark = told.mark;
    await operate({ maintenance: true });
    await tells("maintenance", "dinfo", (it) => it.maintenanceMode, mark);
    mark = told.mark;
    await change({ nodePort: 8086 });
    await served(3, 8085);
    await operate({ maintenance: false });
    await tells("the end of it", "dinfo", (it) => !it.maintenanceMode, mark);
    await served(3, 8086);
  });

  step("it runs the app in the profiles that the app is for", async () => {
    let mark = told.mark;
    await change({ profiles: ["day"] });
    await operate({ profile: "night" });
    await appIs(HALTED, mark);
    mark = told.mark;
    await operate({ profile: "day" });
    await served(4, 8086);
    await appIs(RUNNING, mark);
  });

  step("it heeds whoever beside it has the token", async () => {
    let mark = told.mark;
    await using local = await LocalServer.start(hostAddress, localPort, "token");
    local.profile = "night";
    await operate({ localServer: { address: `${hostAddress}:${localPort}`, token: "other" } });
    await waitFor("the box's report", async () => local.device);
    await served(4, 8086);
    await operate({ localServer: { address: `${hostAddress}:${localPort}`, token: "token" } });
    await appIs(HALTED, mark);
    await tells("the profile", "dinfo", (it) => it.localProfile === "night", mark);
    mark = told.mark;
    await operate({ localServer: undefined });
    await served(5, 8086);
    await appIs(RUNNING, mark);
  });

  step("it reboots once, and tells why", async () => {
    const mark = told.mark;
    const { restartCounter } = await tells("its boots", "dinfo", (it) => it.restartCounter > 0);
    await operate({ reboot: 2 });
    await tells("the reboot", "dinfo", (it) => it.rebootInprogress, mark);
    await box.engineReboots();
    const after = await tells("the boot", "dinfo", (it) => it.restartCounter === restartCounter + 1, mark);
    assert.equal(after.lastBootReason, infoApi.BootReason.REBOOT_CMD);
    assert.equal(after.rebootConfigCounter, 2);
    const made = await tells("its hardware", "hwinfo", (it) => it.inventory !== undefined, mark);
    assert.ok((made.inventory?.cpuInfo?.cpus.length ?? 0) > 0 && made.inventory?.tpm?.present);
    await served(6, 8086);
  });

  step("it removes what is in the configuration no more, and says so", async () => {
    const mark = told.mark;
    wish = { ...wish, app: undefined };
    await adam.configure(device, await writeConfig(wish));
    // A thing without a state and with nothing but its id is no more.
    await tells("the app is gone", "ainfo", (it) => it.AppID === ids.app && it.state === INVALID, mark);
    await tells("the network is gone", "niinfo", (it) => it.networkID === ids.network && !it.activated, mark);
    await tells("the volume is gone", "vinfo", (it) => it.uuid === ids.volume && it.state === INVALID, mark);
    await tells(
      "the content is gone",
      "cinfo",
      (it) => it.uuid === ids.content && it.state === INVALID,
      mark,
    );
    assert.equal(await box.machines(), 0);
  });
});
