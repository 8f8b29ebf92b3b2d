/** A software TPM that can be switched off, cleared, and told of another system. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TpmSocketChannel } from "../src/identity/tpm/tpm-channel.ts";
import { frameCommand, TpmWriter } from "../src/identity/tpm/tpm-wire.ts";

export const tpmMissing: string | false = existsSync("/usr/bin/swtpm") ? false : "swtpm is not installed";

export class SoftwareTpm implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "selvedge-tpm-"));
  readonly socket: string = join(this.folder, "s");
  readonly #state: string = join(this.folder, "state");
  #process: ChildProcess | undefined;

  /**
   * With `started` false nobody has started the TPM since its power came on, as on a box whose firmware does
   * not.
   */
  async on(started = true): Promise<this> {
    mkdirSync(this.#state, { recursive: true });
    rmSync(this.socket, { force: true });
    this.#process = spawn(
      "swtpm",
      [
        ...["socket", "--tpm2", "--tpmstate", `dir=${this.#state}`],
        ...["--server", `type=unixio,path=${this.socket}`],
        ...["--ctrl", `type=unixio,path=${this.socket}.ctrl`],
        ...["--flags", started ? "startup-clear,not-need-init" : "not-need-init"],
      ],
      { stdio: "ignore" },
    );
    while (!(await answers(this.socket))) await new Promise((resolve) => setTimeout(resolve, 10));
    return this;
  }

  async off(): Promise<void> {
    if (this.#process === undefined) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await gone;
    this.#process = undefined;
  }

  /** As firmware does with what it starts: the register is another one from now on, until the power goes. */
  async measure(register: number): Promise<void> {
    await using channel = new TpmSocketChannel(this.socket);
    const extend = new TpmWriter()
      .u32(register)
      .emptyAuth()
      .u32(1)
      .u16(0x000b)
      .raw(new Uint8Array(32).fill(7));
    const answer = await channel.exchange(frameCommand(0x182, true, extend.done()));
    if (answer.subarray(6, 10).some((byte) => byte !== 0)) throw new Error("the register was not extended");
  }

  /** As the owner does who clears it in firmware: every key it held is gone. */
  clear(): void {
    rmSync(this.#state, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.off();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks what it can do: whoever has both sockets open answers, a socket alone is there before anybody listens. */
const getCapability = Uint8Array.of(0, 0, 0, 1);

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(`${path}.ctrl`, () => socket.write(getCapability));
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
