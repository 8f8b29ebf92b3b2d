/**
 * A real browser, driven as its own developer tools do: Chromium without a window, over the DevTools protocol.
 * As much of it as a test of a page needs: go somewhere, ask the page, press keys, take a picture.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { waitFor } from "../../packages/harness/src/real/wait.ts";

const binary = "/usr/bin/chromium";

/** Why there is no browser to test with; false when there is. */
export function browserMissing(): string | false {
  return existsSync(binary) ? false : `there is no ${binary}: apt-get install chromium`;
}

interface Answer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

export class Browser implements AsyncDisposable {
  /** What the page complained of: refused by its policy, thrown and not caught. */
  readonly complaints: string[] = [];
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  #session = "";
  #asked = 0;

  static async start(): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-browser-"));
    const flags = [
      ...[
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
      ],
      // Tests run as root in a container, where its own sandbox cannot be made; it loads our page alone.
      ...[
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        `--user-data-dir=${folder}`,
      ],
    ];
    const child = spawn(binary, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    try {
      const url = await waitFor(`the browser (${said})`, async () => {
        if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
        return /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      });
      const socket = new WebSocket(url, { perMessageDeflate: false });
      await once(socket, "open");
      const browser = new Browser(folder, child, socket);
      await browser.#attach();
      return browser;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  private constructor(folder: string, process: ChildProcess, socket: WebSocket) {
    this.#folder = folder;
    this.#process = process;
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#take(JSON.parse(data.toString()) as Answer));
  }

  async #attach(): Promise<void> {
    const { targetId } = await this.#ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#ask("Target.attachToTarget", { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ["Page", "Runtime", "Log"]) await this.#ask(`${domain}.enable`);
    // Without a window it would not have the focus, and keys would go nowhere.
    await this.#ask("Emulation.setFocusEmulationEnabled", { enabled: true });
  }

  async go(url: string): Promise<void> {
    const { errorText } = await this.#ask("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
  }

  /** What an expression of the page's own comes to, awaited. */
  async ask<T>(expression: string): Promise<T> {
    const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.#ask("Runtime.evaluate", options);
    const thrown = exceptionDetails as { exception?: { description?: string }; text: string } | undefined;
    if (thrown !== undefined) throw new Error(thrown.exception?.description ?? thrown.text);
    return (result as { value: T }).value;
  }

  /** Waits until an expression is true of the page. */
  async until(expression: string, limitSeconds = 60): Promise<void> {
    await waitFor(
      `the page: ${expression}`,
      async () => (await this.ask<unknown>(expression)) || undefined,
      limitSeconds,
    );
  }

  async type(text: string): Promise<void> {
    for (const letter of text) {
      const isEnter = letter === "\n";
      const key = isEnter
        ? { key: "Enter", code: "Enter", text: "\r", windowsVirtualKeyCode: 13 }
        : { key: letter, text: letter };
      await this.#ask("Input.dispatchKeyEvent", { type: "keyDown", ...key });
      await this.#ask("Input.dispatchKeyEvent", { type: "keyUp", ...key });
    }
  }

  /** The size of the window, and whether somebody likes it dark. */
  async look(width: number, height: number, isDark = false): Promise<void> {
    const isMobile = width < 600;
    await this.#ask("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: isMobile,
    });
    const features = [{ name: "prefers-color-scheme", value: isDark ? "dark" : "light" }];
    await this.#ask("Emulation.setEmulatedMedia", { features });
  }

  /** PNG. */
  async picture(isWhole = false): Promise<Buffer> {
    const { data } = await this.#ask("Page.captureScreenshot", {
      format: "png",
      captureBeyondViewport: isWhole,
    });
    return Buffer.from(String(data), "base64");
  }

  async #ask(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, waiting);
    const session = this.#session === "" ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    return await waiting.promise;
  }

  #take({ id, result = {}, error, method, params = {} }: Answer): void {
    const waiting = this.#waiting.get(id ?? 0);
    if (id !== undefined) this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
    if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") {
      this.complaints.push(JSON.stringify(params));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
