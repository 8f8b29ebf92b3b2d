/** Builds and runs the Go program beside this file, where Go and the modules it needs are to be had. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const here = import.meta.dirname;
const cache = join(here, "../../../.cache/eve-schema");
const moduleName = "github.com/lf-edge/eve-api/go";
/** A slow network is no failure of ours. */
const fetchTimeout = 120_000;
const buildTimeout = 400_000;
const answersMax = 512 * 1024 * 1024;

export interface GoAnswer {
  readonly bytes: Uint8Array;
  readonly json: unknown;
}

export type GoRequest = { readonly type: string } & (
  | { readonly bytes: Uint8Array }
  | { readonly json: unknown }
);

export class GoPartner {
  readonly #program: string;

  /** The built partner, or the reason why there is none. A partner that does not compile is an error. */
  static build(): GoPartner | string {
    if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain";
    const modfile = writeModfile();
    const fetched = spawnSync("go", ["mod", "download", `-modfile=${modfile}`], {
      ...{ cwd: here, encoding: "utf8", timeout: fetchTimeout },
    });
    if (fetched.status !== 0) {
      const [reason = "timed out"] = fetched.stderr.trim().split("\n");
      const help = `SELVEDGE_EVE_API_GO may name a folder that has ${moduleName}`;
      return `its Go modules cannot be fetched (${help}): ${reason}`;
    }
    const program = join(cache, "partner");
    execFileSync("go", ["build", `-modfile=${modfile}`, "-o", program, "."], {
      cwd: here,
      timeout: buildTimeout,
    });
    return new GoPartner(program);
  }

  private constructor(program: string) {
    this.#program = program;
  }

  describe(): ReadonlyMap<string, readonly string[]> {
    const text = execFileSync(this.#program, ["describe"], { encoding: "utf8", maxBuffer: answersMax });
    return new Map(Object.entries(JSON.parse(text) as Record<string, string[]>));
  }

  /** What Go makes of each message: its bytes and its JSON. Throws where it cannot read one. */
  exchange(requests: readonly GoRequest[]): readonly GoAnswer[] {
    const input = requests.map((request) =>
      JSON.stringify("bytes" in request ? { ...request, bytes: request.bytes.toBase64() } : request),
    );
    const output = execFileSync(this.#program, ["exchange"], {
      ...{ input: input.join("\n"), encoding: "utf8", maxBuffer: answersMax },
    });
    const lines = output.trimEnd().split("\n");
    return lines.map((line, at): GoAnswer => {
      const answer: { bytes: string | null; json: unknown; error?: string } = JSON.parse(line);
      if (answer.error !== undefined) throw new Error(`Go on ${requests[at]?.type}: ${answer.error}`);
      return { bytes: Uint8Array.fromBase64(answer.bytes ?? ""), json: answer.json };
    });
  }
}

/** go.mod as it stands, or with the API's module taken from a folder. */
function writeModfile(): string {
  mkdirSync(cache, { recursive: true });
  const folder = process.env["SELVEDGE_EVE_API_GO"];
  const replace = folder === undefined ? "" : `\nreplace ${moduleName} => ${folder}\n`;
  writeFileSync(join(cache, "go.mod"), readFileSync(join(here, "go.mod"), "utf8") + replace);
  writeFileSync(join(cache, "go.sum"), readFileSync(join(here, "go.sum")));
  return join(cache, "go.mod");
}
