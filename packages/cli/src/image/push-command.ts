import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { SystemClock } from "@selvedge/base";
import { type Command, type Io, UsageError } from "../io.ts";
import { connect } from "../kube.ts";
import { systemDir } from "../up/system-flags.ts";
import { OciLayout } from "./oci-layout.ts";
import { pushImage } from "./push.ts";
import { controllerHost, registryTarget } from "./registry-target.ts";

const help = `Usage: ./selvedge push IMAGE REFERENCE [OPTION]…

Publishes an image: an OCI layout made by pack or any other tool, as a folder or a tar. REFERENCE says where to:

  selvedge.internal/NAME:TAG     the controller's own registry; nodes pull from it without the internet
  HOST[:PORT]/NAME:TAG           any registry

  --kubeconfig FILE    who we are to the controller (default: DIR/kubeconfig)
  --dir DIR            the folder of "up" (default ~/.selvedge)
  --user USER          for other registries, with --password-stdin
  --password-stdin     reads the password from standard input
  --ca FILE            trust this certificate (PEM), and no other
  --plain-http         the registry speaks HTTP without TLS
  --name NAME          which image, when the layout holds several`;

export const pushCommand: Command = {
  name: "push",
  summary: "publish an image to the controller's or any registry",
  async run(args, io, signal) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        kubeconfig: { type: "string" },
        dir: { type: "string" },
        user: { type: "string" },
        "password-stdin": { type: "boolean", default: false },
        ca: { type: "string" },
        "plain-http": { type: "boolean", default: false },
        name: { type: "string" },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const [image, reference, ...more] = positionals;
    if (image === undefined || reference === undefined || more.length > 0) {
      throw new UsageError(`say which image and where to\n\n${help}`);
    }
    if ((values.user === undefined) !== !values["password-stdin"]) {
      throw new UsageError("--user and --password-stdin go together");
    }
    await push({
      image: resolve(image),
      reference,
      name: values.name,
      kubeconfig: values.kubeconfig ?? join(systemDir(values.dir), "kubeconfig"),
      caFile: values.ca,
      plainHttp: values["plain-http"],
      credentials:
        values.user === undefined
          ? undefined
          : { user: values.user, password: (await text(process.stdin)).replace(/\r?\n$/, "") },
      io,
      signal,
    });
    return 0;
  },
};

export interface PushCall {
  readonly image: string;
  readonly reference: string;
  readonly name?: string | undefined;
  readonly kubeconfig: string;
  readonly caFile?: string | undefined;
  readonly plainHttp?: boolean;
  readonly credentials?: { readonly user: string; readonly password: string } | undefined;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** Pushes and says what came of it. */
export async function push(call: PushCall): Promise<void> {
  const { image, reference, name, kubeconfig, caFile, plainHttp = false, credentials, io, signal } = call;
  using connection = reference.startsWith(`${controllerHost}/`) ? await connect(kubeconfig) : undefined;
  const target = registryTarget(reference, {
    controller: connection,
    caFile: caFile === undefined ? undefined : await readFile(caFile, "utf8"),
    plainHttp,
    credentials,
  });
  await using layout = await OciLayout.open(image);
  io.err(`Pushing ${image} to ${target.base.host}/${target.repository}:${target.tag}`);
  const digest = await pushImage({
    layout,
    manifest: await layout.manifest(name),
    target,
    clock: new SystemClock(),
    signal,
    report: io.err,
  });
  io.out(`${reference}@${digest}`);
}
