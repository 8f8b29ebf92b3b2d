/**
 * The console in a real browser, in front of a real controller, with a box that does what the test says: what
 * somebody sees who lets a box in, looks at what runs on it, and loses the API for a while.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LinkStream } from "@selvedge/eve-api";
import { nodeKind, type Pod, podKind } from "@selvedge/kinds";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { Box, selfSigned } from "../../packages/controller/test/node-world.ts";
import {
  DeviceDoor,
  type DeviceLink,
  dialLink,
  reportDevice,
  reportRunning,
  takeConfig,
} from "../../packages/controller/test/scripted-device.ts";
import { KubeClient } from "../../packages/harness/src/real/kube-client.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { Browser, browserMissing } from "./browser.ts";

const main = join(import.meta.dirname, "../../packages/console/src/main.ts");
const skip = browserMissing();

class ConsoleProcess implements AsyncDisposable {
  address = "";
  #child: ChildProcess | undefined;

  async start(kubeconfig: string): Promise<void> {
    const args = ["--disable-warning=ExperimentalWarning", main, "--kubeconfig", kubeconfig, "--port", "0"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.address = /http:\/\/\S+/.exec(text)?.[0] ?? this.address;
    });
    await waitFor("the console's address", async () => this.address || undefined);
  }

  get origin(): string {
    return new URL(this.address).origin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }
}

describe("the console in a browser", { skip, timeout: 300_000 }, () => {
  const controller = new ControllerProcess();
  const shown = new ConsoleProcess();
  let browser: Browser;
  let door: DeviceDoor;
  let box: Box;
  let link: DeviceLink | undefined;
  let log: LinkStream | undefined;

  /** A device's side of streams: the log stays open for the test to write to; a program answers in capitals. */
  async function answer(stream: LinkStream): Promise<void> {
    if (stream.open.what.case === "logs") {
      log = stream;
      await stream.write(1, Buffer.from("<b>one</b>\n"));
      return;
    }
    stream.onData(async (channel, bytes) => {
      if (channel === 0) await stream.write(1, Buffer.from(Buffer.from(bytes).toString().toUpperCase()));
    });
  }

  const says = (text: string): string => `document.body.innerText.includes(${JSON.stringify(text)})`;
  const press = (text: string, within = "document"): string =>
    `(() => { const found = [...${within}.querySelectorAll("button")].find((one) => one.innerText.trim() === ` +
    `${JSON.stringify(text)}); found?.click(); return found !== undefined; })()`;
  const row = (name: string): string =>
    `([...document.querySelectorAll("table.fleet tbody tr")].find((one) => one.innerText.startsWith(` +
    `${JSON.stringify(name)}))?.innerText ?? "")`;

  before(async () => {
    await Promise.all([controller.start(), Browser.start().then((started) => (browser = started))]);
    await shown.start(controller.kubeconfig);
    door = new DeviceDoor(controller.devicePort, controller.rootCertificate);
    box = await Box.make(door, await selfSigned("fitter"), "till-7");
  });

  after(async () => {
    link?.mux.close();
    door?.agent.destroy();
    await browser?.[Symbol.asyncDispose]();
    await shown[Symbol.asyncDispose]();
    await controller[Symbol.asyncDispose]();
  });

  it("shows a box that waits, lets it in, and follows it", async () => {
    await browser.go(shown.address);
    await browser.until(says("There is no node yet"));
    assert.equal(await browser.ask("location.hash"), "");
    await box.register();
    await browser.until(`${row("till-7")}.includes("Waiting")`);
    await browser.until(press("Approve…"));
    await browser.until(press("Approve", "document.querySelector('dialog')"));
    await browser.until(says("is approved"));
    await waitFor("the box to be let in", async () => {
      await box.register();
      return typeof (await box.fetchUuid()) === "string" || undefined;
    });
    await box.attestInSoftware();
    const first = await waitFor("a configuration", () => takeConfig(box));
    await reportDevice(box, first.hash, []);
    await browser.until(`${row("till-7")}.includes("Ready") && !${row("till-7")}.includes("Not ready")`);
  });

  it("shows an app, what it says as it says it, and a terminal in it", async () => {
    link = await dialLink(door, box, answer);
    using kube = await KubeClient.open(controller.kubeconfig);
    await kube.create<Pod>(podKind, {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "echo", namespace: "default" } },
      spec: {
        ...{ nodeName: "till-7", automountServiceAccountToken: false },
        containers: [{ name: "main", image: "registry.example/echo:1" }],
      },
    });
    const taken = await waitFor("the app's configuration", async () => {
      const found = await takeConfig(box);
      return found !== undefined && found.config.apps.length > 0 ? found : undefined;
    });
    const { uuid = "", version = "" } = taken.config.apps[0]?.uuidandversion ?? {};
    await browser.until(`/0\\/1/.test(${row("till-7")})`);
    await reportDevice(box, taken.hash, [uuid]);
    await reportRunning(box, uuid, version, "main");
    await browser.until(`/1\\/1/.test(${row("till-7")})`);
    await browser.ask('location.hash = "#/pods/default/echo"');
    const text = 'document.querySelector(".log")?.textContent';
    await browser.until(`${text} === "<b>one</b>\\n"`);
    await log?.write(1, Buffer.from("two\n"));
    await browser.until(`${text} === "<b>one</b>\\ntwo\\n"`);
    await browser.until(press("Open"));
    await browser.until(says("Shift+Escape leaves"));
    await browser.type("shout");
    await browser.until('document.querySelector(".terminal")?.innerText.includes("SHOUT")');
  });

  it("keeps the last picture while the API is away, says so, and comes back by itself", async () => {
    await browser.ask('location.hash = "#/nodes"');
    await browser.until(`${row("till-7")} !== ""`);
    link?.mux.close();
    await controller.stop("SIGKILL");
    await browser.until(says("The API does not answer"));
    assert.match(await browser.ask<string>(row("till-7")), /till-7/);
    assert.match(
      await browser.ask<string>('document.querySelector(".banner").innerText'),
      /What you see is from/,
    );
    await controller.start();
    await browser.until(`!${says("The API does not answer")} && ${says("Live")}`);
    using kube = await KubeClient.open(controller.kubeconfig);
    await kube.patch(nodeKind, "till-7", undefined, "merge", { spec: { unschedulable: true } });
    await browser.until(`${row("till-7")}.includes("cordoned")`);
  });

  it("is a page that breaks none of its own rules, and that reads on a phone", async () => {
    await browser.look(390, 800);
    for (const place of ["#/nodes/till-7", "#/pods/default/echo", "#/nodes"]) {
      await browser.ask(`location.hash = ${JSON.stringify(place)}`);
      await browser.until("document.querySelector('main h1') === document.activeElement");
      await browser.until("document.querySelectorAll('main table tbody tr').length > 0");
      assert.equal(await browser.ask("document.documentElement.scrollWidth <= innerWidth"), true, place);
    }
    const broken = browser.complaints.filter((one) =>
      /Content Security Policy|exceptionThrown|TrustedHTML/.test(one),
    );
    assert.deepEqual(broken, []);
  });

  it("does nothing for pages of others, also of this machine", async () => {
    const foreign = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>evil</title>");
    });
    await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
    try {
      // The same address: the browser sends it the console's cookie, and it may ask what it likes.
      await browser.go(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`);
      await browser.until('document.title === "evil"');
      const asked = `fetch("${shown.origin}/api/v1/nodes", { credentials: "include" })`;
      assert.equal(await browser.ask(`${asked}.then(() => "read", () => "refused")`), "refused");
      const patch = `fetch("${shown.origin}/api/v1/nodes/till-7", { method: "DELETE", credentials: "include" })`;
      assert.equal(await browser.ask(`${patch}.then(() => "done", () => "refused")`), "refused");
      const dialled = `new WebSocket("${shown.origin.replace("http", "ws")}/api/v1/nodes?watch=1")`;
      const opened = [
        `new Promise((resolve) => { const it = ${dialled};`,
        'it.onopen = () => resolve("open"); it.onerror = () => resolve("refused"); })',
      ].join(" ");
      assert.equal(await browser.ask(opened), "refused");
    } finally {
      foreign.closeAllConnections();
      foreign.close();
    }
    assert.equal(await statusOf({ origin: "http://evil.example" }), 403);
    assert.equal(await statusOf({}), 401);
    using kube = await KubeClient.open(controller.kubeconfig);
    assert.equal((await kube.get(nodeKind, "till-7")).metadata.name, "till-7");
  });

  function statusOf(headers: Record<string, string>): Promise<number> {
    return new Promise((resolve, reject) => {
      const outgoing = request(`${shown.origin}/api/v1/nodes`, { headers }, (answered) => {
        answered.resume();
        resolve(answered.statusCode ?? 0);
      });
      outgoing.on("error", reject).end();
    });
  }
});
