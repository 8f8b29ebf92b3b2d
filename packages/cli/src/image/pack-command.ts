import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Command, type Io, UsageError } from "../io.ts";
import { demoImage } from "./demo-image.ts";
import { checkRunConfig, type RunConfig } from "./image-config.ts";
import { busyboxEntries, folderEntries } from "./layer-source.ts";
import { type ImageSource, writeImage } from "./oci-layout.ts";

const help = `Usage: ./selvedge pack [FOLDER] --output OUT [OPTION]…

Makes a container image of the files in FOLDER, as an OCI image layout: a folder, or a tar when OUT ends in .tar.
The same input gives the same digest. "push" publishes it.

  -o, --output OUT      where the image goes
  --busybox             start from this machine's busybox (Debian's busybox-static), with a shell and all its tools
  --demo                the example app itself; needs no FOLDER
  --entrypoint ARG      the program and its first arguments; repeat for each
  --cmd ARG             arguments that a user may replace; repeat for each
  --env NAME=VALUE      may be repeated
  --user USER[:GROUP]   names or numbers; root when not given
  --workdir PATH        where the program starts
  --label NAME=VALUE    may be repeated
  --arch ARCH           amd64 or arm64 (default: this machine's)
  --name NAME           the image's name inside the layout (default: latest)`;

const many = { type: "string", multiple: true, default: [] as string[] } as const;

export const packCommand: Command = {
  name: "pack",
  summary: "make a container image of a folder",
  async run(args, io, signal) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        output: { type: "string", short: "o" },
        busybox: { type: "boolean", default: false },
        demo: { type: "boolean", default: false },
        entrypoint: many,
        cmd: many,
        env: many,
        user: { type: "string", default: "" },
        workdir: { type: "string", default: "" },
        label: many,
        arch: { type: "string", default: ownArchitecture() },
        name: { type: "string", default: "latest" },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    if (values.output === undefined) throw new UsageError("say where the image goes with --output");
    const [folder, ...more] = positionals;
    if (more.length > 0) throw new UsageError(`one folder at a time; ${more.join(" ")} is too much`);
    const run: RunConfig = {
      entrypoint: values.entrypoint,
      cmd: values.cmd,
      env: values.env,
      user: values.user,
      workingDir: values.workdir,
      labels: parseLabels(values.label),
      architecture: values.arch,
    };
    checkRunConfig(run);
    const source = values.demo
      ? demoImage(ownArchitecture())
      : chooseSource({ folder, busybox: values.busybox, run, name: values.name });
    await packTo(resolve(values.output), source, io, signal);
    return 0;
  },
};

/** Packs and says what came of it. */
async function packTo(output: string, source: ImageSource, io: Io, signal: AbortSignal): Promise<void> {
  const { digest } = await writeImage(output, source, signal);
  io.out(`${output}: ${source.name} ${digest}`);
}

function chooseSource(options: {
  readonly folder: string | undefined;
  readonly busybox: boolean;
  readonly run: RunConfig;
  readonly name: string;
}): ImageSource {
  const { folder, busybox, name } = options;
  if (folder === undefined && !busybox) throw new UsageError("name a folder, or --busybox, or --demo");
  if (folder !== undefined && !existsSync(folder)) throw new UsageError(`there is no folder ${folder}`);
  const bare = options.run.entrypoint.length === 0 && options.run.cmd.length === 0;
  const run: RunConfig = busybox
    ? {
        ...options.run,
        env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...options.run.env],
        cmd: bare ? ["sh"] : options.run.cmd,
      }
    : options.run;
  const layers = [
    ...(busybox ? [busyboxEntries()] : []),
    ...(folder === undefined ? [] : [folderEntries(resolve(folder))]),
  ];
  return { layers, run, name };
}

function parseLabels(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const equals = label.indexOf("=");
      if (equals < 1) throw new UsageError(`--label ${JSON.stringify(label)}: write NAME=VALUE`);
      return [label.slice(0, equals), label.slice(equals + 1)];
    }),
  );
}

/** This machine's architecture in OCI's words. */
export function ownArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
