/** A controller and a box of EVE's own agents, with what tests look at of both. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type EdgeNode,
  type EnrollmentProfile,
  edgeNodeKind,
  enrollmentProfileKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { makeOnboardingPair } from "../../../packages/cli/src/up/node-config.ts";
import { ControllerProcess } from "../../../packages/controller/test/controller-process.ts";
import { KubeClient } from "../../../packages/harness/src/real/kube-client.ts";
import { run } from "../../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";
import { kubectl } from "../../kubectl.ts";
import { PillarAuthority } from "./pillar-authority.ts";
import { PillarBox } from "./pillar-box.ts";
import type { AppConfig, OpenedSecret, PortConfig } from "./pillar-topics.ts";
import { challenge, fittersPorts, name, serial, settings } from "./pillar-wishes.ts";

/** Nothing that EVE does here takes long. */
export function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  return waitFor(what, look, 30);
}

export class PillarWorld implements AsyncDisposable {
  readonly controller: ControllerProcess;
  readonly kube: KubeClient;
  readonly box: PillarBox;
  readonly authority: PillarAuthority;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    { controller, kube, box, authority }: Pick<PillarWorld, "controller" | "kube" | "box" | "authority">,
    stack: AsyncDisposableStack,
  ) {
    this.controller = controller;
    this.kube = kube;
    this.box = box;
    this.authority = authority;
    this.#stack = stack;
  }

  static async start(program: string, hasTpm: boolean): Promise<PillarWorld> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "selvedge-pillar-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const controller = stack.use(new ControllerProcess());
    await controller.start();
    const kube = stack.use(await KubeClient.open(controller.kubeconfig));
    const onboarding = await makeOnboardingPair("pillar", new Date());
    await kube.create<EnrollmentProfile>(enrollmentProfileKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "pillar" } },
      spec: {
        onboardingCertificate: onboarding.certificate,
        ...{ serials: ["PILLAR-*"], approve: "Automatic", requireTPM: hasTpm },
      },
    });
    const bootstrap = await givenAsBootstrap(kube, controller);
    const box = stack.use(
      await PillarBox.start({
        ...{ folder, program, server: `127.0.0.1:${controller.devicePort}` },
        ...{ rootCertificate: controller.rootCertificate, onboarding, serial, bootstrap, hasTpm },
      }),
    );
    const authority = stack.use(await PillarAuthority.start(program, challenge));
    return new PillarWorld({ controller, kube, box, authority }, stack.move());
  }

  /** Does what a step does, and fails when the box ends meanwhile; a failure is told with what both ends said. */
  async during(work: () => Promise<void>): Promise<void> {
    try {
      await this.box.during(work);
    } catch (error) {
      const log = (await this.box.log()).split("\n").filter((line) => /error|fatal|panic/.test(line));
      const node = await this.kube.find<EdgeNode>(edgeNodeKind, name);
      console.error(`${JSON.stringify(node?.status)}\nEVE:\n${log.slice(-40).join("\n")}`);
      console.error(`controller:\n${this.controller.log.slice(-20).join("")}`);
      throw error;
    }
  }

  /** What zedagent made of a Pod. */
  async appConfig(uid: string, fits: (config: AppConfig) => boolean): Promise<AppConfig> {
    return await soon("zedagent to take the app", async () => {
      const config = (await this.box.published<AppConfig>("zedagent", "AppInstanceConfig")).get(uid);
      return config !== undefined && fits(config) ? config : undefined;
    });
  }

  /** What zedagent would have nim do with the box's ports. */
  async portConfig(fits: (config: PortConfig) => boolean): Promise<PortConfig> {
    return await soon("the ports", async () => {
      const config = (await this.box.published<PortConfig>("zedagent", "DevicePortConfig")).get("zedagent");
      return config !== undefined && fits(config) ? config : undefined;
    });
  }

  async condition(type: string, status: string): Promise<void> {
    await soon(`${type} to be ${status}`, async () => {
      const node = await this.kube.find<EdgeNode>(edgeNodeKind, name);
      const found = node?.status?.conditions?.find((one) => one.type === type);
      return found?.status === status ? true : undefined;
    });
  }

  /** What the box's TPM helped to open. */
  async opened(of: string, fits: (secret: OpenedSecret) => boolean = () => true): Promise<OpenedSecret> {
    const found = (detail: unknown): boolean => {
      const secret = detail as OpenedSecret;
      return secret.of === of && fits(secret);
    };
    const secret = (await this.box.said("secret", found)) as OpenedSecret;
    assert.equal(secret.error, undefined);
    return secret;
  }

  async podIs(which: string, fits: (pod: Pod) => boolean): Promise<Pod> {
    return await soon("the Pod's status", async () => {
      const found = await this.kube.find<Pod>(podKind, which, "default");
      return found !== undefined && fits(found) ? found : undefined;
    });
  }

  async patchNode(spec: Partial<EdgeNode["spec"]>): Promise<void> {
    await this.kube.patch(edgeNodeKind, name, undefined, "merge", { spec });
  }

  async kubectl(...words: string[]): Promise<string> {
    const { kubeconfig, folder } = this.controller;
    const args = ["--kubeconfig", kubeconfig, "--cache-dir", folder, ...words];
    const { code, stdout, stderr } = await run((await kubectl()) ?? "", args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** What a fitter puts on a box for a network without DHCP; it is bound to no box. */
async function givenAsBootstrap(
  kube: KubeClient,
  { kubeconfig, folder }: ControllerProcess,
): Promise<Uint8Array> {
  await kube.create<EdgeNode>(edgeNodeKind, {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "fitter" } },
    spec: { ports: fittersPorts, settings },
  });
  const path = "/apis/selvedge.dev/v1alpha1/edgenodes/fitter/bootstrap";
  const args = [
    "--kubeconfig",
    kubeconfig,
    "--cache-dir",
    folder,
    "create",
    "--raw",
    path,
    "-f",
    "/dev/null",
  ];
  const { stdout } = await promisify(execFile)((await kubectl()) ?? "", args, { encoding: "buffer" });
  return stdout;
}
