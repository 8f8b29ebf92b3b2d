import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type EngineFlags, FlagError, parseFlags } from "./flags.ts";

const folders = ["--config", "c", "--state", "s", "--run", "r"];
const base = {
  config: "c",
  state: "s",
  run: "r",
  guest: undefined,
  accel: "auto",
  power: "engine",
  ports: "system",
  resolvConf: "/etc/resolv.conf",
  heard: undefined,
} as const;

const good: readonly (readonly [string, readonly string[], EngineFlags | undefined])[] = [
  ["asks for help", ["--help"], undefined],
  ["keeps keys in a file", [...folders, "--tpm", "none"], { ...base, tpm: { kind: "none" } }],
  [
    "speaks to a software TPM",
    [...folders, "--tpm", "swtpm:/run/s"],
    { ...base, tpm: { kind: "swtpm", socket: "/run/s" } },
  ],
  [
    "speaks to the kernel's TPM, and says how machines run",
    [
      ...folders,
      "--tpm",
      "device:/dev/tpmrm0",
      "--guest",
      "g",
      "--accel",
      "tcg",
      "--power",
      "system",
      "--ports",
      "engine",
    ],
    {
      ...base,
      tpm: { kind: "device", path: "/dev/tpmrm0" },
      guest: "g",
      accel: "tcg",
      power: "system",
      ports: "engine",
    },
  ],
  [
    "is part of a system that is on trial",
    [...folders, "--tpm", "none", "--resolv-conf", "/run/resolv.conf", "--heard", "/run/heard"],
    { ...base, tpm: { kind: "none" }, resolvConf: "/run/resolv.conf", heard: "/run/heard" },
  ],
];

const bad: readonly (readonly [readonly string[], RegExp])[] = [
  [[], /--config is missing/],
  [folders, /--tpm is missing/],
  [[...folders, "--tpm", "swtpm:"], /write swtpm:SOCKET/],
  [[...folders, "--tpm", "none", "--accel", "xen"], /write auto, kvm or tcg/],
  [[...folders, "--tpm", "none", "--power", "plug"], /write system or engine/],
  [[...folders, "--tpm", "none", "--colour"], /--colour/],
  [[...folders, "--tpm", "none", "more"], /more/],
];

describe("the command line", () => {
  for (const [what, args, expected] of good)
    it(what, () => {
      assert.deepEqual(parseFlags(args), expected);
    });
  for (const [args, message] of bad)
    it(`is refused: ${args.slice(folders.length).join(" ") || "nothing"} (${message.source})`, () => {
      assert.throws(
        () => parseFlags(args),
        (error) => error instanceof FlagError && message.test(error.message),
      );
    });
});
