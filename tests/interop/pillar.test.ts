/**
 * EVE's own agents under our controller, not a word changed: tpmmgr, client, zedagent, zedmanager, loguploader,
 * scepclient and wstunnelclient of EVE's pillar, with a software TPM, live through what its administrators do, in
 * this order:
 *
 *   enrol · attest with the TPM · run an app · purge · logs and figures · remote access · a screen · other keys
 *   of the controller's · ports and a system · variables, files and patches · a certificate · reboot · delete
 *   a Pod and the EdgeNode
 */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { instant } from "@selvedge/base";
import {
  configMapKind,
  type EdgeNode,
  edgeNodeKind,
  type Node,
  nodeKind,
  type Pod,
  patchEnvelopeKind,
  podKind,
  secretKind,
} from "@selvedge/kinds";
import { logBundle, logLine } from "../../packages/harness/src/pillar/pillar-logs.ts";
import { kubectlMissing } from "../kubectl.ts";
import { pillarBoxMissing } from "./pillar/pillar-box.ts";
import { buildPillar } from "./pillar/pillar-build.ts";
import { seesScreen } from "./pillar/pillar-screen.ts";
import type {
  AppStatus,
  EnrolledCertificate,
  GlobalConfig,
  NetworkConfig,
  PatchedApps,
  StartedContainer,
  SystemConfig,
} from "./pillar/pillar-topics.ts";
import {
  base64,
  challenge,
  credentials,
  furnishedPod,
  keySecret,
  name,
  patch,
  pod,
  ports,
  pullSecret,
  registry,
  scepProfiles,
  settings,
  settingsMap,
} from "./pillar/pillar-wishes.ts";
import { PillarWorld, soon } from "./pillar/pillar-world.ts";

const program = pillarBoxMissing() || (await kubectlMissing()) || buildPillar();
const skip = typeof program === "string" ? program : false;

let world: PillarWorld;
let uid = "";
/** Each step begins where the one before ended. */
let broken = false;

function step(title: string, work: (world: PillarWorld) => Promise<void>): void {
  it(title, async (test) => {
    if (broken) return test.skip("a step before this one failed");
    broken = true;
    await world.during(() => work(world));
    broken = false;
  });
}

const isRunning = ({ status }: Pod): boolean => status?.phase === "Running";

describe("EVE's own agents and our controller", { skip, timeout: 300_000 }, () => {
  before(async () => {
    assert.ok(typeof program === "object");
    world = await PillarWorld.start(program.path, true);
  });

  after(async () => await world?.[Symbol.asyncDispose]());

  step("zedagent takes the ports that we signed for the fitter, before it has heard us", async () => {
    // What it publishes of them gives way to the controller's before long; its log stays.
    const lines = await soon("zedagent to say so", async () => {
      const said = (await world.box.log()).split("\n").filter((line) => line.includes('"source":"zedagent"'));
      return said.some((line) => line.includes("Bootstrap config was applied")) ? said : undefined;
    });
    const ports = lines
      .filter((line) => line.includes("deviceport_config-bootstrap@") && line.includes("port create"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      ports.map((port) => [port["ifname"], port["last-error"]]),
      [["eth0", ""]],
    );
  });

  step("client believes our certificates, registers, and gets its UUID", async () => {
    await world.box.said("onboarded");
    const node = await soon("the EdgeNode", async () => await world.kube.find<EdgeNode>(edgeNodeKind, name));
    const status = JSON.parse(
      await readFile(world.box.path("persist/status/zedclient/OnboardingStatus/global.json"), "utf8"),
    ) as { DeviceUUID: string };
    assert.equal(status.DeviceUUID, node.status?.nodeID);
    await world.patchNode({ settings });
  });

  step(
    "zedagent attests with a quote of the TPM, escrows the vault's key, and takes a configuration",
    async () => {
      await world.condition("Attested", "True");
      await world.condition("ConfigAccepted", "True");
      await soon("its Node to be ready", async () => {
        const node = await world.kube.find<Node>(nodeKind, name);
        return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True")
          ? true
          : undefined;
      });
      await soon("the settings", async () => {
        const [map] = (await world.box.published<GlobalConfig>("zedagent", "ConfigItemValueMap")).values();
        return map?.GlobalSettings["timer.config.interval"]?.IntValue === 5 ? true : undefined;
      });
      const [network] = (
        await world.box.published<NetworkConfig>("zedagent", "NetworkInstanceConfig")
      ).values();
      assert.deepEqual(
        [network?.DisplayName, network?.PortLabel, network?.Gateway],
        ["default", "uplink", "10.77.0.1"],
      );
      const { Ports } = await world.portConfig(() => true);
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
    await world.kube.apply(secretKind, pullSecret);
    const made = await world.kube.apply(podKind, pod);
    uid = made.metadata.uid ?? "";
    const config = await world.appConfig(uid, () => true);
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
    const { clear } = await world.opened("datastore");
    assert.deepEqual([clear?.["DsAPIKey"], clear?.["DsPassword"]], [credentials.user, credentials.password]);
    await world.podIs("echo", isRunning);
  });

  step("another image is purged to, and the Pod goes on", async () => {
    const before = await world.appConfig(uid, () => true);
    const image = `${registry}/somebody/echo:2`;
    await world.kube.patch(podKind, "echo", "default", "strategic", {
      spec: { containers: [{ name: "main", image }] },
    });
    const now = await world.appConfig(uid, ({ PurgeCmd }) => PurgeCmd.Counter !== before.PurgeCmd.Counter);
    assert.notDeepEqual(now.VolumeRefConfigList, before.VolumeRefConfigList);
    await soon("the purge to be over", async () => {
      const status = (await world.box.published<AppStatus>("zedmanager", "AppInstanceStatus")).get(uid);
      const volumes = status?.VolumeRefStatusList.map(({ VolumeID }) => VolumeID);
      assert.equal(status?.Error ?? "", "");
      const isNew = volumes?.length === 1 && volumes[0] === now.VolumeRefConfigList[0]?.VolumeID;
      return isNew && status?.PurgeInprogress === 0 ? true : undefined;
    });
    await world.podIs("echo", (one) => one.status?.containerStatuses?.[0]?.image === image && isRunning(one));
  });

  step("what loguploader and zedagent send is read with kubectl logs and top", async () => {
    const at = instant(Date.now());
    const lines = ["one", "two"].map((text, index) => logLine(uid, text, index + 1, at));
    const bundle = logBundle({ name: "default/echo" }, lines, at);
    const file = `app.${uid}.log.${at}.gz`;
    // Renamed into its place, as newlogd does it: the folder is read every few seconds.
    await writeFile(world.box.path(`persist/newlog/${file}`), bundle);
    await rename(
      world.box.path(`persist/newlog/${file}`),
      world.box.path(`persist/newlog/appUpload/${file}`),
    );
    assert.equal(
      await soon("the log", async () => (await world.kubectl("logs", "echo")) || undefined),
      "one\ntwo\n",
    );
    await soon("its figures", async () => await world.kubectl("top", "node", name));
  });

  step("its edge-view is opened by our token, as far as the EdgeNode says", async () => {
    const remoteAccess = {
      ...{ dispatcher: "ev.example:443/edge-view", expires: "2100-01-01T00:00:00Z" },
      ...{ sessions: 2, allow: ["Device" as const], generation: 1 },
    };
    await world.patchNode({ remoteAccess });
    const opened = await soon(
      "the token",
      async () => await readFile(world.box.path("run/edgeview/edge-view-config"), "utf8"),
    );
    const path = `/api/v1/nodes/${name}/proxy/edgeview`;
    const { token } = JSON.parse(await world.kubectl("create", "--raw", path, "-f", "/dev/null"));
    assert.deepEqual(opened.trimEnd().split("\n"), [
      ...[`EvJWToken:${token}`, "EdgeViewMultiInst:2", "EvJWTExp:4102444800"],
      ...['EvDevPolicy:{"enabled":true}', 'EvAppPolicy:{"enabled":false}', 'EvExtPolicy:{"enabled":false}'],
      "EvGenID:1",
    ]);
  });

  step("wstunnelclient leads viewers to a Pod's screen, one after another", seesScreen);

  step("other keys of the controller's are believed, and what is sealed with them is opened", async () => {
    const { name: map, namespace } = { name: "controller-certificates", namespace: "kube-system" };
    const certificates = async (): Promise<string[]> => [
      ...(await world.box.published("zedagent", "ControllerCert")).keys(),
    ];
    const before = await certificates();
    await world.kube.patch(configMapKind, map, namespace, "merge", {
      metadata: { annotations: { "selvedge.dev/rotate": "once" } },
    });
    await soon("the new certificates", async () =>
      (await certificates()).some((one) => !before.includes(one)) ? true : undefined,
    );
    const other = { auths: { "other.example": { username: "another", password: "new keys" } } };
    await world.kube.apply(secretKind, {
      ...pullSecret,
      metadata: { name: "other", namespace: "default" },
      data: { ".dockerconfigjson": base64(JSON.stringify(other)) },
    });
    await world.kube.apply(podKind, {
      ...pod,
      metadata: { name: "second", namespace: "default" },
      spec: {
        nodeName: name,
        imagePullSecrets: [{ name: "other" }],
        containers: [{ name: "main", image: "other.example/app:1" }],
      },
    } as Pod);
    await world.opened("datastore", ({ clear }) => clear?.["DsPassword"] === "new keys");
    await world.podIs("second", isRunning);
  });

  step(
    "cards, a wireless network and a system are taken as meant, after the controller was restarted",
    async () => {
      await world.controller.stop();
      await world.controller.start();
      const data = { username: base64(""), password: base64(challenge) };
      await world.kube.apply(secretKind, {
        ...pullSecret,
        type: "kubernetes.io/basic-auth",
        data,
        metadata: { name: "wifi", namespace: "default" },
      });
      await world.patchNode({
        ports,
        scepProfiles: scepProfiles(world.authority.url, world.authority.certificate),
        system: { version: "16.1.0-kvm-amd64", image: `${registry}/eve:16.1.0`, activate: false },
      });
      const { Ports } = await world.portConfig(({ Ports }) => Ports.length === 7);
      assert.deepEqual(
        Ports.flatMap(({ InvalidConfig, LastError }) => (InvalidConfig || LastError ? [LastError] : [])),
        [],
      );
      const card = Ports.find(({ IfName }) => IfName === "enp2s0");
      assert.deepEqual(
        [card?.IsMgmt ?? false, card?.AddrSubnet, card?.Gateway, card?.DNSServers],
        [false, "192.0.2.7/24", "192.0.2.1", ["192.0.2.2"]],
      );
      assert.deepEqual(
        Ports.flatMap(({ Logicallabel, VLAN, Bond }) => [
          ...(VLAN?.ParentPort ? [[Logicallabel, VLAN.ParentPort, VLAN.ID]] : []),
          ...(Bond?.AggregatedPorts ? [[Logicallabel, ...Bond.AggregatedPorts]] : []),
        ]).sort(),
        [
          ["both", "enp3s0", "enp4s0"],
          ["tills", "eth0", 10],
        ],
      );
      assert.deepEqual([card?.PNAC.Enabled, card?.PNAC.EAPIdentity], [true, "box"]);
      assert.equal((await world.opened("scep")).clear?.["SCEPChallengePassword"], challenge);
      const { key, clear } = await world.opened("wifi");
      assert.deepEqual([key, clear?.["WifiPassword"]], ["shop", challenge]);
      const system = await soon("the system", async () => {
        const [config] = (await world.box.published<SystemConfig>("zedagent", "BaseOsConfig")).values();
        return config;
      });
      assert.deepEqual([system.BaseOsVersion, system.Activate], ["16.1.0-kvm-amd64", false]);
      await soon("its content", async () => {
        const trees = await world.box.published("zedagent", "ContentTreeConfig");
        return trees.has(system.ContentTreeUUID) || undefined;
      });
    },
  );

  step(
    "a container's variables and files, and files for one that runs, are what EVE makes of them",
    async () => {
      const { kube, box } = world;
      await kube.apply(configMapKind, settingsMap);
      await kube.apply(secretKind, keySecret);
      const { metadata } = await kube.apply(podKind, furnishedPod);
      const app = metadata.uid ?? "";
      const container = (await box.said(
        "container",
        (detail) => (detail as StartedContainer).app === app,
      )) as StartedContainer;
      assert.equal(container.variables["GREETING"], 'a "quoted" \\ text\nof two lines ');
      assert.equal(container.variables["KEY"], "s3cret");
      assert.equal(await readFile(box.path(`run/rootfs/${app}/etc/app/app.conf`), "utf8"), "color = red\n");
      assert.equal(await readFile(box.path(`run/rootfs/${app}/etc/app/empty`), "utf8"), "");

      await kube.apply(patchEnvelopeKind, patch);
      const envelope = (await box.said("patch")) as PatchedApps;
      assert.deepEqual([envelope.apps, envelope.errors ?? []], [[app], []]);
      const clear = createHash("sha256").update(base64("color = red\n")).digest("hex");
      assert.equal(envelope.files["app.conf"], clear);
      assert.equal(envelope.files["key"], base64("s3cret"));
    },
  );

  step("scepclient gets its certificate through the controller", async () => {
    const folder = world.box.path("persist/status/scepclient/EnrolledCertificateStatus");
    const file = await soon("the certificate", async () => {
      const status = JSON.parse(await readFile(`${folder}/ca.json`, "utf8")) as EnrolledCertificate;
      assert.equal(status.Error.Error, "");
      return status.CertFilepath || undefined;
    });
    const certificate = new X509Certificate(await readFile(world.box.path(file)));
    assert.match(certificate.subject, /CN=box/);
    assert.ok(certificate.verify(new X509Certificate(world.authority.certificate).publicKey));
  });

  step("it reboots when told to, attests anew, gets its vault's key back, and runs what it ran", async () => {
    world.box.events.length = 0;
    const rebooting = world.box.reboots();
    await world.patchNode({ commands: { reboot: 1 } });
    assert.equal(await world.box.said("reboot"), "NORMAL: controller reboot");
    await rebooting;
    await world.box.said("vault", (detail) => detail === true);
    await soon("the reason of its reboot", async () => {
      const node = await world.kube.find<EdgeNode>(edgeNodeKind, name);
      return node?.status?.lastReboot?.reason === "BootReasonRebootCmd" ? true : undefined;
    });
    await world.appConfig(uid, ({ Activate }) => Activate);
    await world.podIs("echo", isRunning);
    assert.equal(
      world.box.events.filter(({ event }) => event === "reboot").length,
      1,
      "once, not at every start",
    );
  });

  step("a deleted Pod leaves the box", async () => {
    await world.kube.delete(podKind, "echo", "default", { gracePeriodSeconds: 1 });
    await soon("the Pod to be gone", async () =>
      (await world.kube.find(podKind, "echo", "default")) === undefined ? true : undefined,
    );
    await soon("the app to be gone", async () =>
      (await world.box.published("zedmanager", "AppInstanceStatus")).has(uid) ? undefined : true,
    );
  });

  step(
    "a box whose EdgeNode was deleted is another when it starts again, and gets its vault's key",
    async () => {
      const { kube, box } = world;
      const before = await kube.get<EdgeNode>(edgeNodeKind, name);
      await kube.delete(edgeNodeKind, name);
      box.events.length = 0;
      await box.losesPower();
      await box.said("onboarded");
      await soon("another EdgeNode", async () => {
        const now = await kube.find<EdgeNode>(edgeNodeKind, name);
        const id = now?.status?.nodeID;
        return id !== undefined && id !== before.status?.nodeID ? true : undefined;
      });
      await box.said("vault", (detail) => detail === true);
      await world.condition("Attested", "True");
    },
  );
});
