/**
 * EVE's own agents under our controller, not a word changed: tpmmgr, client, zedagent, zedmanager and loguploader of
 * EVE's pillar, with a software TPM, live through what its administrators do, in this order:
 *
 *   enrol · attest with the TPM · run an app · restart · purge · logs · other keys of the controller's · reboot ·
 *   delete
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { instant } from "@selvedge/base";
import {
  configMapKind,
  type EdgeNode,
  type EnrollmentProfile,
  edgeNodeKind,
  enrollmentProfileKind,
  type Node,
  nodeKind,
  type Pod,
  podKind,
  secretKind,
} from "@selvedge/kinds";
import { makeOnboardingPair } from "../../packages/cli/src/up/node-config.ts";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { logBundle, logLine } from "../../packages/harness/src/pillar/pillar-logs.ts";
import { KubeClient } from "../../packages/harness/src/real/kube-client.ts";
import { run } from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { kubectl, kubectlMissing } from "../kubectl.ts";
import { PillarBox, pillarBoxMissing } from "./pillar/pillar-box.ts";
import { buildPillar } from "./pillar/pillar-build.ts";
import type {
  AppConfig,
  AppStatus,
  GlobalConfig,
  NetworkConfig,
  OpenedSecret,
  PortConfig,
  SystemConfig,
} from "./pillar/pillar-topics.ts";
import {
  base64,
  credentials,
  name,
  pod,
  pullSecret,
  registry,
  serial,
  settings,
} from "./pillar/pillar-wishes.ts";

const program = pillarBoxMissing() || (await kubectlMissing()) || buildPillar();
const skip = typeof program === "string" ? program : false;

let stack: AsyncDisposableStack;
let controller: ControllerProcess;
let kube: KubeClient;
let box: PillarBox;
let uid = "";
/** Each step begins where the one before ended. */
let broken = false;

function step(title: string, work: () => Promise<void>): void {
  it(title, async (test) => {
    if (broken) return test.skip("a step before this one failed");
    try {
      await box.during(work);
    } catch (error) {
      broken = true;
      console.error(JSON.stringify(await kube.find(edgeNodeKind, name), undefined, 1));
      const log = (await box.log().catch(() => ""))
        .split("\n")
        .filter((line) => /error|fatal|panic/.test(line));
      console.error(`EVE:\n${log.slice(-40).join("\n")}\ncontroller:\n${controller.log.slice(-20).join("")}`);
      throw error;
    }
  });
}

/** Nothing that EVE does here takes long. */
function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  return waitFor(what, look, 30);
}

/** What zedagent made of the Pod. */
async function appConfig(fits: (config: AppConfig) => boolean): Promise<AppConfig> {
  return await soon("zedagent to take the app", async () => {
    const config = (await box.published<AppConfig>("zedagent", "AppInstanceConfig")).get(uid);
    return config !== undefined && fits(config) ? config : undefined;
  });
}

/** What a condition of the box is, once it is told. */
async function condition(type: string, status: string): Promise<void> {
  await soon(`${type} to be ${status}`, async () => {
    const node = await kube.find<EdgeNode>(edgeNodeKind, name);
    const found = node?.status?.conditions?.find((one) => one.type === type);
    return found?.status === status ? true : undefined;
  });
}

async function opened(of: string, fits: (secret: OpenedSecret) => boolean): Promise<OpenedSecret> {
  const found = (detail: unknown): boolean => {
    const secret = detail as OpenedSecret;
    return secret.of === of && fits(secret);
  };
  const secret = (await box.said("secret", found)) as OpenedSecret;
  assert.equal(secret.error, undefined);
  return secret;
}

/** What zedagent would have nim do with the box's ports. */
async function portConfig(fits: (config: PortConfig) => boolean): Promise<PortConfig> {
  return await soon("the ports", async () => {
    const config = (await box.published<PortConfig>("zedagent", "DevicePortConfig")).get("zedagent");
    return config !== undefined && fits(config) ? config : undefined;
  });
}

async function kubectlSays(...words: string[]): Promise<string> {
  const args = ["--kubeconfig", controller.kubeconfig, "--cache-dir", controller.folder, ...words];
  const { code, stdout, stderr } = await run((await kubectl()) ?? "", args);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

async function patchNode(spec: Partial<EdgeNode["spec"]>): Promise<void> {
  await kube.patch(edgeNodeKind, name, undefined, "merge", { spec });
}

async function podIs(fits: (pod: Pod) => boolean, which = "echo"): Promise<Pod> {
  return await soon("the Pod's status", async () => {
    const found = await kube.find<Pod>(podKind, which, "default");
    return found !== undefined && fits(found) ? found : undefined;
  });
}

describe("EVE's own agents and our controller", { skip, timeout: 300_000 }, () => {
  before(async () => {
    assert.ok(typeof program === "object");
    stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "selvedge-pillar-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    controller = stack.use(new ControllerProcess());
    await controller.start();
    kube = stack.use(await KubeClient.open(controller.kubeconfig));
    const onboarding = await makeOnboardingPair("pillar", new Date());
    await kube.create<EnrollmentProfile>(enrollmentProfileKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "pillar" } },
      spec: {
        onboardingCertificate: onboarding.certificate,
        ...{ serials: ["PILLAR-*"], approve: "Automatic", requireTPM: true },
      },
    });
    box = stack.use(
      await PillarBox.start({
        ...{ folder, program: program.path, server: `127.0.0.1:${controller.devicePort}` },
        ...{ rootCertificate: controller.rootCertificate, onboarding, serial },
      }),
    );
  });

  after(async () => await stack?.disposeAsync());

  step("client believes our certificates, registers, and gets its UUID", async () => {
    await box.said("onboarded");
    const node = await soon("the EdgeNode", async () => await kube.find<EdgeNode>(edgeNodeKind, name));
    const status = JSON.parse(
      await readFile(box.path("persist/status/zedclient/OnboardingStatus/global.json"), "utf8"),
    ) as { DeviceUUID: string };
    assert.equal(status.DeviceUUID, node.status?.nodeID);
    await patchNode({ settings });
  });

  step(
    "zedagent attests with a quote of the TPM, escrows the vault's key, and takes a configuration",
    async () => {
      await condition("Attested", "True");
      await condition("ConfigAccepted", "True");
      await soon("its Node to be ready", async () => {
        const node = await kube.find<Node>(nodeKind, name);
        return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True")
          ? true
          : undefined;
      });
      await soon("the settings", async () => {
        const [map] = (await box.published<GlobalConfig>("zedagent", "ConfigItemValueMap")).values();
        return map?.GlobalSettings["timer.config.interval"]?.IntValue === 5 ? true : undefined;
      });
      const [network] = (await box.published<NetworkConfig>("zedagent", "NetworkInstanceConfig")).values();
      assert.deepEqual(
        [network?.DisplayName, network?.PortLabel, network?.Gateway],
        ["default", "uplink", "10.77.0.1"],
      );
      const { Ports } = await portConfig(() => true);
      const said = Ports.map((port) => [
        port.IfName,
        port.IsMgmt,
        port.InvalidConfig ?? false,
        port.LastError ?? "",
      ]);
      assert.deepEqual(said, [["eth0", true, false, ""]]);
    },
  );

  step("an app runs: zedmanager starts it, and the TPM opens its registry's password", async () => {
    await kube.apply(secretKind, pullSecret);
    const made = await kube.apply(podKind, pod);
    uid = made.metadata.uid ?? "";
    const config = await appConfig(() => true);
    assert.equal(config.DisplayName, "default/echo");
    assert.deepEqual(
      config.AppNetAdapterList[0]?.ACLs.map(({ Matches, Actions }) => [
        Matches.map(({ Type, Value }) => `${Type} ${Value}`).join(),
        Actions?.[0]?.PortMap ? Actions[0].TargetPort : 0,
      ]),
      [
        ["ip 0.0.0.0/0", 0],
        ["protocol tcp,lport 8080", 80],
      ],
    );
    const { clear } = await opened("datastore", () => true);
    assert.deepEqual([clear?.["DsAPIKey"], clear?.["DsPassword"]], [credentials.user, credentials.password]);
    await podIs(({ status }) => status?.phase === "Running");
  });

  step("another image is purged to, and the Pod goes on", async () => {
    const before = await appConfig(() => true);
    const image = `${registry}/somebody/echo:2`;
    await kube.patch(podKind, "echo", "default", "strategic", {
      spec: { containers: [{ name: "main", image }] },
    });
    const now = await appConfig(({ PurgeCmd }) => PurgeCmd.Counter !== before.PurgeCmd.Counter);
    assert.notDeepEqual(now.VolumeRefConfigList, before.VolumeRefConfigList);
    await soon("the purge to be over", async () => {
      const status = (await box.published<AppStatus>("zedmanager", "AppInstanceStatus")).get(uid);
      const volumes = status?.VolumeRefStatusList.map(({ VolumeID }) => VolumeID);
      assert.equal(status?.Error ?? "", "");
      const isNew = volumes?.length === 1 && volumes[0] === now.VolumeRefConfigList[0]?.VolumeID;
      return isNew && status?.PurgeInprogress === 0 ? true : undefined;
    });
    await podIs(
      ({ status }) => status?.containerStatuses?.[0]?.image === image && status.phase === "Running",
    );
  });

  step("what loguploader and zedagent send is read with kubectl logs and top", async () => {
    const at = instant(Date.now());
    const lines = ["one", "two"].map((text, index) => logLine(uid, text, index + 1, at));
    const bundle = logBundle({ name: "default/echo" }, lines, at);
    const file = `app.${uid}.log.${at}.gz`;
    // Renamed into its place, as newlogd does it: the folder is read every few seconds.
    await writeFile(box.path(`persist/newlog/${file}`), bundle);
    await rename(box.path(`persist/newlog/${file}`), box.path(`persist/newlog/appUpload/${file}`));
    assert.equal(
      await soon("the log", async () => (await kubectlSays("logs", "echo")) || undefined),
      "one\ntwo\n",
    );
    await soon("its figures", async () => await kubectlSays("top", "node", name));
  });

  step("other keys of the controller's are believed, and what is sealed with them is opened", async () => {
    const { name: map, namespace } = { name: "controller-certificates", namespace: "kube-system" };
    const certificates = async (): Promise<string[]> => [
      ...(await box.published("zedagent", "ControllerCert")).keys(),
    ];
    const before = await certificates();
    await kube.patch(configMapKind, map, namespace, "merge", {
      metadata: { annotations: { "selvedge.dev/rotate": "once" } },
    });
    await soon("the new certificates", async () =>
      (await certificates()).some((one) => !before.includes(one)) ? true : undefined,
    );
    const other = { auths: { "other.example": { username: "another", password: "new keys" } } };
    await kube.apply(secretKind, {
      ...pullSecret,
      metadata: { name: "other", namespace: "default" },
      data: { ".dockerconfigjson": base64(JSON.stringify(other)) },
    });
    await kube.apply(podKind, {
      ...pod,
      metadata: { name: "second", namespace: "default" },
      spec: {
        nodeName: name,
        imagePullSecrets: [{ name: "other" }],
        containers: [{ name: "main", image: "other.example/app:1" }],
      },
    } as Pod);
    await opened("datastore", ({ clear }) => clear?.["DsPassword"] === "new keys");
    await podIs(({ status }) => status?.phase === "Running", "second");
  });

  step(
    "cards, a wireless network and a system are taken as meant, after the controller was restarted",
    async () => {
      await controller.stop();
      await controller.start();
      const data = { username: base64(""), password: base64("wireless") };
      await kube.apply(secretKind, {
        ...pullSecret,
        type: "kubernetes.io/basic-auth",
        data,
        metadata: { name: "wifi", namespace: "default" },
      });
      const secretRef = { name: "wifi", namespace: "default" };
      await patchNode({
        ports: [
          { name: "eth0" },
          {
            name: "eth1",
            interface: "enp2s0",
            uplink: false,
            address: "192.0.2.7/24",
            gateway: "192.0.2.1",
            dns: ["192.0.2.2"],
          },
          { name: "wlan0", cost: 10, wifi: { ssid: "shop", secretRef } },
        ],
        system: { version: "16.1.0-kvm-amd64", image: `${registry}/eve:16.1.0`, activate: false },
      });
      const { Ports } = await portConfig(({ Ports }) => Ports.length === 3);
      assert.deepEqual(
        Ports.flatMap(({ InvalidConfig, LastError }) => (InvalidConfig || LastError ? [LastError] : [])),
        [],
      );
      const card = Ports.find(({ IfName }) => IfName === "enp2s0");
      assert.deepEqual(
        [card?.IsMgmt ?? false, card?.AddrSubnet, card?.Gateway, card?.DNSServers],
        [false, "192.0.2.7/24", "192.0.2.1", ["192.0.2.2"]],
      );
      const { key, clear } = await opened("wifi", () => true);
      assert.deepEqual([key, clear?.["WifiPassword"]], ["shop", "wireless"]);
      const [system] = (await box.published<SystemConfig>("zedagent", "BaseOsConfig")).values();
      assert.deepEqual([system?.BaseOsVersion, system?.Activate], ["16.1.0-kvm-amd64", false]);
      assert.ok((await box.published("zedagent", "ContentTreeConfig")).has(system?.ContentTreeUUID ?? ""));
    },
  );

  step("it reboots when told to, attests anew, gets its vault's key back, and runs what it ran", async () => {
    box.events.length = 0;
    const rebooting = box.reboots();
    await patchNode({ commands: { reboot: 1 } });
    assert.equal(await box.said("reboot"), "NORMAL: controller reboot");
    await rebooting;
    await box.said("vault", (detail) => detail === true);
    await soon("the reason of its reboot", async () => {
      const node = await kube.find<EdgeNode>(edgeNodeKind, name);
      return node?.status?.lastReboot?.reason === "BootReasonRebootCmd" ? true : undefined;
    });
    await appConfig(({ Activate }) => Activate);
    await podIs(({ status }) => status?.phase === "Running");
    assert.equal(box.events.filter(({ event }) => event === "reboot").length, 1, "once, not at every start");
  });

  step("a deleted Pod leaves the box", async () => {
    await kube.delete(podKind, "echo", "default", { gracePeriodSeconds: 1 });
    await soon("the Pod to be gone", async () =>
      (await kube.find(podKind, "echo", "default")) === undefined ? true : undefined,
    );
    await soon("the app to be gone", async () =>
      (await box.published("zedmanager", "AppInstanceStatus")).has(uid) ? undefined : true,
    );
  });
});
