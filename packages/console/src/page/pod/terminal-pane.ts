/** A terminal in a container: xterm on this side, exec over a WebSocket to the other. */

import { describeError } from "@selvedge/base";
import type { Terminal } from "@xterm/xterm";
import type { Page } from "../page.ts";
import { execProtocol, inputMessage, readMessage, sizeMessage } from "./exec-channels.ts";
import { makeStyledElements } from "./styled-elements.ts";

export interface TerminalTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Whether a screen reader reads it out. What xterm does for that is in the way of a phone's keyboard. */
  readonly isHeard: boolean;
}

/** What is on its way to the screen; a program that says more than a browser can draw is stopped. */
const pendingMax = 16 * 1024 * 1024;
const scrollback = 5000;

export type TerminalState = "connecting" | "open" | { readonly ended: string };

export class TerminalPane implements Disposable {
  readonly element: HTMLElement = document.createElement("div");
  readonly #page: Page;
  readonly #observer: ResizeObserver;
  #terminal: Terminal | undefined;
  #socket: WebSocket | undefined;
  #state: TerminalState = "connecting";
  #pending = 0;
  #fit: () => void = () => undefined;
  #shown: () => void = () => undefined;

  constructor(page: Page) {
    this.#page = page;
    this.element.className = "terminal";
    this.#observer = new ResizeObserver(() => {
      // It is told at once, too, when there is nothing to see yet.
      if (!this.element.isConnected || this.element.clientHeight === 0) return;
      const shown = this.#shown;
      this.#shown = () => undefined;
      shown();
      this.#fit();
    });
    this.#observer.observe(this.element);
  }

  get state(): TerminalState {
    return this.#state;
  }

  onceShown(act: () => void): void {
    this.#shown = act;
  }

  /** Starts a program; the element is in the page by then. */
  async open(target: TerminalTarget): Promise<void> {
    // Half of the page's code is this: it is loaded by who wants a terminal.
    const [{ Terminal }, { FitAddon }] = await Promise.all([
      import("@xterm/xterm"),
      import("@xterm/addon-fit"),
    ]);
    makeStyledElements(document);
    const terminal = new Terminal({
      ...{ scrollback, cursorBlink: false, screenReaderMode: target.isHeard, fontSize: 14 },
      fontFamily: getComputedStyle(this.element).fontFamily,
      theme: { background: "#10151a", foreground: "#dde4ea", cursor: "#dde4ea" },
    });
    const addon = new FitAddon();
    terminal.loadAddon(addon);
    this.#terminal = terminal;
    terminal.open(this.element);
    terminal.attachCustomKeyEventHandler((event) => !this.#isWayOut(event));
    this.#fit = () => addon.fit();
    addon.fit();
    this.#connect(target, terminal);
    terminal.focus();
  }

  #connect(target: TerminalTarget, terminal: Terminal): void {
    const socket = this.#page.transport.open(pathOf(target), execProtocol);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const send = (message: Uint8Array<ArrayBuffer>): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    };
    socket.addEventListener("open", () => {
      send(sizeMessage(terminal.cols, terminal.rows));
      this.#turn("open");
    });
    socket.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) =>
      this.#take(new Uint8Array(data)),
    );
    socket.addEventListener("close", ({ reason }) => {
      if (typeof this.#state === "string") {
        const early = "It could not be opened: the node cannot be reached, or you may not.";
        this.#turn({ ended: reason || (this.#state === "open" ? "The connection broke off." : early) });
      }
    });
    terminal.onData((text) => send(inputMessage(text)));
    terminal.onResize(({ cols, rows }) => send(sizeMessage(cols, rows)));
  }

  #take(bytes: Uint8Array): void {
    const message = readMessage(bytes);
    if (message.is === "ended") this.#turn({ ended: message.how });
    if (message.is !== "output" || this.#terminal === undefined) return;
    const { length } = message.bytes;
    this.#pending += length;
    if (this.#pending > pendingMax) {
      this.#turn({ ended: "More came than a screen can show; it was stopped." });
      this.#socket?.close();
      return;
    }
    this.#terminal.write(message.bytes, () => (this.#pending -= length));
  }

  /** A terminal takes every key; this one leads on to what follows it in the page. */
  #isWayOut(event: KeyboardEvent): boolean {
    if (!(event.key === "Escape" && event.shiftKey)) return false;
    if (event.type === "keydown") {
      const next = this.element.parentElement?.querySelector<HTMLElement>("[data-after-terminal]");
      next?.focus();
    }
    return true;
  }

  #turn(state: TerminalState): void {
    this.#state = state;
    this.#page.paint();
  }

  [Symbol.dispose](): void {
    this.#observer.disconnect();
    this.#state = { ended: "" };
    this.#socket?.close();
    this.#terminal?.dispose();
  }
}

function pathOf({ namespace, pod, container, command }: TerminalTarget): string {
  const query = new URLSearchParams({ container, stdin: "true", stdout: "true", tty: "true" });
  for (const word of command) query.append("command", word);
  return `/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`;
}

/** For what goes wrong before there is a terminal to say it in. */
export function openingFault(error: unknown): string {
  return `The terminal could not be loaded: ${describeError(error)}`;
}
