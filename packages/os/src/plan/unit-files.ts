/** The units that make the box a node, and those that say when a version of the system has proved itself. Pure. */
import type { Profile } from "../profile.ts";
import { file, link, type SystemFile } from "./system-file.ts";

/** Where our software is on the box, and what it keeps. */
export const software = {
  folder: "/usr/lib/selvedge",
  node: "/usr/lib/selvedge/bin/node",
  guest: "/usr/lib/selvedge/guest",
  config: "/config",
  state: "/state/engine",
  run: "/run/selvedge",
} as const;

const units = "/etc/systemd/system";

export function engineUnits({ apps, tpm }: Pick<Profile, "apps" | "tpm">): readonly SystemFile[] {
  const flags = [
    ...[`--config ${software.config}`, `--state ${software.state}`, `--run ${software.run}`],
    `--tpm ${tpm === "required" ? "device:/dev/tpmrm0" : "none"}`,
    ...(apps ? [`--guest ${software.guest}`] : []),
    ...["--ports engine", "--power system", `--resolv-conf ${software.run}/resolv.conf`],
    `--heard ${heardFile}`,
  ];
  return [
    file(`${units}/selvedge-engine.service`, engineUnit(flags)),
    link(`${units}/multi-user.target.wants/selvedge-engine.service`, "../selvedge-engine.service"),
    file(`${units}/selvedge-machine-id.service`, machineIdUnit),
    file(`${units}/selvedge-proof.service`, proofUnit),
    link(`${units}/boot-complete.target.requires/selvedge-proof.service`, "../selvedge-proof.service"),
    file(`${units}/emergency.service`, emergencyUnit),
    file(`${units}/systemd-repart.service.d/selvedge.conf`, repartOrder),
    link(`${units}/default.target`, "/lib/systemd/system/multi-user.target"),
    link(`${units}/ctrl-alt-del.target`, "/dev/null"),
  ];
}

/** The engine touches it when its controller has answered, for the first time since the box booted. */
const heardFile = `${software.run}/heard`;

/**
 * Machines of apps outlive it; a log line is worth more on the console than a tidy screen. What the fitter gives may
 * come late, from a slow disk: each start of the engine looks for it again.
 */
const engineUnit = (flags: readonly string[]): string => `[Unit]
Description=Selvedge engine
Documentation=https://selvedge.dev
RequiresMountsFor=/state
Wants=selvedge-machine-id.service config.mount
After=selvedge-machine-id.service config.mount
StartLimitIntervalSec=0

[Service]
ExecStartPre=-/bin/sh -c 'mountpoint -q ${software.config} || systemctl start config.mount'
ExecStart=${software.node} ${software.folder}/packages/engine/src/main.ts \\
  ${flags.join(" \\\n  ")}
Restart=always
RestartSec=5s
KillMode=process
StandardOutput=journal+console
StandardError=journal+console
OOMScoreAdjust=-900
LimitNOFILE=65536
`;

/** A root that never changes cannot keep the name that systemd makes at each boot. */
const machineIdUnit = `[Unit]
Description=The same machine-id at each boot
RequiresMountsFor=/state

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c '[ -s /state/machine-id ] || \\
  { cp /etc/machine-id /state/machine-id.new && sync /state/machine-id.new && \\
  mv /state/machine-id.new /state/machine-id; }'
ExecStart=/bin/mount --bind /state/machine-id /etc/machine-id
`;

/**
 * Waited for only while the version that runs is on trial: systemd-bless-boot takes the number off its entry when
 * boot-complete.target is reached, and nothing else does.
 */
const proofUnit = `[Unit]
Description=Proof that this version reaches its controller
Requires=selvedge-engine.service
After=selvedge-engine.service
Before=boot-complete.target
FailureAction=reboot

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until [ -e ${heardFile} ]; do sleep 1; done'
TimeoutStartSec=10min
`;

/** Where Debian asks for a password: nobody has one, and the next try or the other slot may do better. */
const emergencyUnit = `[Unit]
Description=Start over
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "selvedge: the box cannot start; it tries again in 30 s" >/dev/console; sleep 30'
ExecStart=/bin/systemctl --force reboot
`;

/** Debian's unit is made for the initramfs; here what it makes is waited for. */
const repartOrder = `[Unit]
After=systemd-udevd.service systemd-udev-trigger.service
Before=local-fs-pre.target
Wants=local-fs-pre.target
`;
