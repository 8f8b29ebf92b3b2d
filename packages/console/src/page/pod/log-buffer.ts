/** Keeps the newest of what a log says, in whole lines, within bounds. */

/** As many as somebody reads; older ones are had by asking for them. */
const linesMax = 5000;
const charactersMax = 2_000_000;
/** A line without an end is cut here, so that it is shown at all. */
const lineMax = 16_384;

/** What is to be done to what is shown. */
export interface LogChange {
  readonly added: readonly string[];
  /** How many of the oldest shown go. */
  readonly dropped: number;
}

export class LogBuffer {
  readonly #decoder = new TextDecoder();
  readonly #lengths: number[] = [];
  #characters = 0;
  #rest = "";
  #added: string[] = [];
  #shown = 0;
  #dropped = 0;
  #lost = 0;

  /** How many lines went because there were too many. */
  get lost(): number {
    return this.#lost;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#add(line);
    while (this.#rest.length > lineMax) {
      this.#add(this.#rest.slice(0, lineMax));
      this.#rest = this.#rest.slice(lineMax);
    }
  }

  /** The log ended: what was said without an end of a line is one too. */
  end(): void {
    if (this.#rest !== "") this.#add(this.#rest);
    this.#rest = "";
  }

  /** What changed since it was asked last. */
  take(): LogChange {
    const change = { added: this.#added, dropped: this.#dropped };
    this.#shown += this.#added.length;
    this.#added = [];
    this.#dropped = 0;
    return change;
  }

  #add(line: string): void {
    const text = plain(line).slice(0, lineMax);
    this.#lengths.push(text.length);
    this.#characters += text.length;
    this.#added.push(text);
    while (this.#lengths.length > linesMax || this.#characters > charactersMax) {
      this.#characters -= this.#lengths.shift() ?? 0;
      this.#lost++;
      // What came and went unseen is not taken away from what is seen.
      if (this.#shown === 0) this.#added.shift();
      else {
        this.#shown--;
        this.#dropped++;
      }
    }
  }
}

/** Without what moves a terminal's cursor and paints its letters: here it would be noise. */
export function plain(line: string): string {
  return line
    .replace(escapes, "")
    .replace(/\r$/, "")
    .replace(/^[^\n]*\r/, "")
    .replace(controls, "\u{fffd}");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is for.
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what cannot be seen is shown as what cannot be read.
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
