/** A log as it comes: kept within bounds, added to what is shown rather than drawn anew, so that a selection stays. */
import { describeError, millis, type Timer } from "@selvedge/base";
import type { Page } from "../page.ts";
import { LogBuffer } from "./log-buffer.ts";

export interface LogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Of the run before this one. */
  readonly isPrevious: boolean;
  readonly hasTimes: boolean;
}

/** Lines of before, to begin with. */
const tailLines = 500;
/** Often enough for a reader, seldom enough for a busy log. */
const flushEvery = millis(100);
/** This close to the end is at the end. */
const nearEnd = 40;

export type LogState = "following" | "ended" | { readonly broken: string };

export class LogPane implements Disposable {
  readonly element: HTMLElement = document.createElement("pre");
  readonly #page: Page;
  #stop = new AbortController();
  #timer: Timer | undefined;
  #state: LogState = "ended";
  #lost = 0;
  #isAtEnd = true;

  constructor(page: Page) {
    this.#page = page;
    this.element.className = "log";
    this.element.tabIndex = 0;
    // Read by going there: a log that is read out as it comes says nothing.
    this.element.setAttribute("role", "log");
    this.element.setAttribute("aria-live", "off");
    this.element.setAttribute("aria-label", "Log");
    this.element.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.element;
      const isAtEnd = scrollHeight - scrollTop - clientHeight < nearEnd;
      if (isAtEnd === this.#isAtEnd) return;
      this.#isAtEnd = isAtEnd;
      this.#page.paint();
    });
  }

  get state(): LogState {
    return this.#state;
  }

  /** How many lines were let go. */
  get lost(): number {
    return this.#lost;
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
  }

  /** Shows a log from the start, in place of what was shown. */
  open(source: LogSource): void {
    this.#stop.abort();
    this.#timer?.cancel();
    const stop = new AbortController();
    this.#stop = stop;
    this.element.replaceChildren();
    this.#isAtEnd = true;
    this.#lost = 0;
    this.#state = "following";
    const buffer = new LogBuffer();
    this.#flushAgain(buffer, stop.signal);
    this.#follow(source, buffer, stop.signal).then(
      () => this.#finish("ended", buffer, stop.signal),
      (error: unknown) => this.#finish({ broken: describeError(error) }, buffer, stop.signal),
    );
  }

  async #follow(source: LogSource, buffer: LogBuffer, signal: AbortSignal): Promise<void> {
    const { namespace, pod, container, isPrevious, hasTimes } = source;
    const query = new URLSearchParams({ container, tailLines: String(tailLines) });
    if (isPrevious) query.set("previous", "true");
    else query.set("follow", "true");
    if (hasTimes) query.set("timestamps", "true");
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?${query}`;
    const answer = await this.#page.transport.send({ method: "GET", path, headers: {}, signal });
    if (answer.status !== 200) throw new Error(await refusalIn(answer.body));
    for await (const bytes of answer.body) buffer.push(bytes);
  }

  #finish(state: LogState, buffer: LogBuffer, signal: AbortSignal): void {
    if (signal.aborted) return;
    buffer.end();
    this.#flush(buffer);
    this.#timer?.cancel();
    this.#state = state;
    this.#page.paint();
  }

  #flushAgain(buffer: LogBuffer, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#flush(buffer);
    this.#timer = this.#page.clock.setTimer(flushEvery, () => this.#flushAgain(buffer, signal));
  }

  #flush(buffer: LogBuffer): void {
    const { added, dropped } = buffer.take();
    if (added.length === 0 && dropped === 0) return;
    for (let left = dropped; left > 0; left--) this.element.firstChild?.remove();
    const lines = document.createDocumentFragment();
    for (const line of added) lines.append(document.createTextNode(`${line}\n`));
    this.element.append(lines);
    if (this.#isAtEnd) this.toEnd();
    const lost = buffer.lost;
    if (lost === this.#lost) return;
    this.#lost = lost;
    this.#page.paint();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }
}

/** The message of a Status, or what was said instead of one. */
async function refusalIn(body: AsyncIterable<Uint8Array>): Promise<string> {
  const buffer = new LogBuffer();
  for await (const bytes of body) buffer.push(bytes);
  buffer.end();
  const text = buffer.take().added.join(" ");
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text || "the log is not given";
  }
}
