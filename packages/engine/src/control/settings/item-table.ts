/**
 * EVE's configuration items, all of them: bounds and defaults as EVE has them, and what this engine does with
 * each. `unused` names those that it cannot heed, each with the reason that is told when somebody asks for
 * something else than is so; a test holds that every other one is read somewhere in the engine.
 */

/**
 * Whole numbers: default, least, most. Those of `memory.eve.limit` EVE works out at start; here they are what
 * the engine and the system beside the apps are given.
 */
export const numbers = {
  "timer.config.interval": [60, 5, 86_400],
  "timer.cert.interval": [86_400, 60, 4_294_967_295],
  "timer.metric.diskscan.interval": [300, 5, 3600],
  "timer.metric.interval": [60, 5, 3600],
  "timer.hardwarehealth.interval": [43_200, 21_600, 4_294_967_295],
  "timer.deviceinfo.interval": [600, 30, 4_294_967_295],
  "timer.reboot.no.network": [604_800, 120, 4_294_967_295],
  "timer.update.fallback.no.network": [300, 60, 4_294_967_295],
  "timer.test.baseimage.update": [600, 30, 3600],
  "timer.gc.vdisk": [3600, 60, 4_294_967_295],
  "timer.defer.content.delete": [0, 0, 86_400],
  "timer.download.retry": [600, 60, 4_294_967_295],
  "timer.download.stalled": [600, 20, 4_294_967_295],
  "timer.boot.retry": [600, 10, 4_294_967_295],
  "timer.port.georedo": [3600, 60, 4_294_967_295],
  "timer.port.georetry": [600, 5, 4_294_967_295],
  "timer.port.testduration": [30, 10, 3600],
  "timer.port.testinterval": [300, 300, 3600],
  "timer.port.testbetterinterval": [600, 0, 4_294_967_295],
  "timer.port.timeout": [15, 0, 3600],
  "timer.send.timeout": [120, 0, 3600],
  "timer.dial.timeout": [10, 0, 3600],
  "timer.location.cloud.interval": [3600, 300, 4_294_967_295],
  "timer.location.app.interval": [20, 5, 3600],
  "timer.ntpsources.interval": [600, 60, 4_294_967_295],
  "storage.dom0.disk.minusage.percent": [20, 20, 80],
  "timer.appcontainer.stats.interval": [300, 1, 4_294_967_295],
  "timer.vault.ready.cutoff": [300, 60, 4_294_967_295],
  "timer.vault.trim.max.secs": [1800, 0, 4_294_967_295],
  "storage.dom0.disk.maxusagebytes": [2_147_483_648, 104_857_600, 4_294_967_295],
  "storage.zfs.reserved.percent": [20, 1, 99],
  "storage.longhorn.disk.reserved.gigabytes": [2, 0, 1_048_576],
  "force.fallback.counter": [0, 0, 4_294_967_295],
  "gogc.memory.limit.bytes": [0, 0, 4_294_967_295],
  "gogc.percent": [100, 0, 500],
  "gogc.forced.interval.seconds": [10, 0, 1000],
  "gogc.forced.growth.memory.MiB": [50, 10, 1024],
  "gogc.forced.growth.memory.percent": [20, 5, 300],
  "memory.eve.limit.bytes": [536_870_912, 0, 4_294_967_295],
  "memory.eve.limit.MiB": [512, 0, 4_294_967_295],
  "memory.vmm.limit.MiB": [0, 0, 1_073_741_824],
  "newlog.gzipfiles.ondisk.maxmegabytes": [2048, 10, 4_294_967_295],
  "network.download.max.cost": [0, 0, 255],
  "blob.download.max.retries": [5, 1, 10],
  "goroutine.leak.detection.threshold": [5000, 1, 4_294_967_295],
  "goroutine.leak.detection.check.interval.minutes": [1, 1, 4_294_967_295],
  "goroutine.leak.detection.check.window.minutes": [10, 10, 4_294_967_295],
  "goroutine.leak.detection.keep.stats.hours": [24, 1, 4_294_967_295],
  "goroutine.leak.detection.cooldown.minutes": [5, 1, 4_294_967_295],
  "kubernetes.drain.timeout": [24, 1, 4_294_967_295],
  "drain.skip.k8sapinotreachable.timeout": [300, 1, 4_294_967_295],
  "kubernetes.drain.allnodes.config.multiple": [2, 1, 1000],
  "log.dedup.window.size": [0, 0, 4_294_967_295],
  "netdump.topic.preonboard.interval": [3600, 60, 4_294_967_295],
  "netdump.topic.postonboard.interval": [86_400, 60, 4_294_967_295],
  "netdump.topic.maxcount": [10, 1, 4_294_967_295],
  "msrv.prometheus.metrics.rps": [1, 1, 4_294_967_295],
  "msrv.prometheus.metrics.burst": [10, 1, 4_294_967_295],
  "msrv.prometheus.metrics.idletimeout.seconds": [240, 1, 4_294_967_295],
  "scep.retry.interval": [300, 60, 3600],
  "pnac.dhcp.reacquire.max.retries": [4, 0, 8],
  "timer.lps.profile.interval": [60, 3, 3600],
  "timer.lps.radio.interval": [5, 3, 3600],
  "timer.lps.appinfo.interval": [60, 3, 3600],
  "timer.lps.devinfo.interval": [60, 3, 3600],
  "timer.lps.network.interval": [60, 3, 3600],
  "timer.lps.appbootinfo.interval": [60, 3, 3600],
} as const;

export const switches = {
  "internal-memory-monitor.store.enabled": true,
  "internal-memory-monitor.analyze.enabled": true,
  "debug.enable.usb": true,
  "debug.enable.vga": true,
  "app.allow.vnc": false,
  "memory.apps.ignore.check": false,
  "storage.apps.ignore.disk.check": false,
  "newlog.allow.fastupload": false,
  "debug.disable.dhcp.all-ones.netmask": false,
  "process.cloud-init.multipart": false,
  "debug.enable.console": true,
  "debug.enable.vnc.shim.vm": false,
  "network.switch.enable.arpsnoop": true,
  "wwan.query.visible.providers": false,
  "wwan.modem.recovery.watchdog": false,
  "wwan.modem.recovery.reload.drivers": false,
  "wwan.modem.recovery.restart.modemmanager": false,
  "network.local.legacy.mac.address": false,
  "memory-monitor.enabled": false,
  "dhcp.enable.vendorclassid": true,
  "debug.enable.efi": false,
  "debug.qemu.process.core": true,
  "debug.qemu.guest.core": true,
  "debug.qemu.process.core.guest.ram": false,
  "debug.qemu.pause.on.crash": false,
  "debug.qemu.gdb": false,
  "debug.qemu.igpu.no.mmap": false,
  "datastore.http.security.allowinsecureauth": false,
  "vector.enabled": true,
  "netdump.enable": true,
  "netdump.downloader.with.pcap": false,
  "netdump.downloader.http.with.fieldvalue": false,
  "app.enable.tcp.mss.clamping": true,
} as const;

export type Choice = "none" | "enabled" | "disabled";

export const choices = {
  "network.fallback.any.eth": "disabled",
  "maintenance.mode": "none",
  "airgap.mode": "none",
} as const;

/** How a text must look; what it says is what a value that does not is told. */
export type TextForm =
  | "any"
  | "cron"
  | "level"
  | "syslog"
  | "boot"
  | "resolution"
  | "gop"
  | "base64"
  | "url"
  | "k3s"
  | "drain";

export const texts = {
  "timer.vault.trim.cron": ["0 2 * * 6,0", "cron"],
  "timer.zfs.pool.trim.cron": ["0 3 * * 6,0", "cron"],
  "debug.qemu.trace.events": ["", "any"],
  "debug.enable.ssh": ["", "any"],
  "debug.default.loglevel": ["info", "level"],
  "debug.default.remote.loglevel": ["info", "level"],
  "debug.syslog.loglevel": ["info", "syslog"],
  "debug.kernel.loglevel": ["info", "syslog"],
  "debug.syslog.remote.loglevel": ["info", "syslog"],
  "debug.kernel.remote.loglevel": ["info", "syslog"],
  "app.fml.resolution": ["", "resolution"],
  "app.boot.order": ["", "boot"],
  "debug.tui.loglevel": ["info", "any"],
  "igpu.gop": ["", "gop"],
  "edgeview.authen.publickey": ["", "any"],
  "log.count.filenames": ["", "any"],
  "log.filter.filenames": ["", "any"],
  "vector.config": ["", "base64"],
  "diag.probe.remote.http.endpoint": ["www.google.com", "url"],
  "diag.probe.remote.https.endpoint": ["www.google.com", "url"],
  "k3s.config.override": ["", "base64"],
  "k3s.version": ["", "k3s"],
  "kubernetes.vmi.deschedule.events": ["", "any"],
  "storage.longhorn.snapshot.cron": ["0 0 * * *", "cron"],
  "storage.longhorn.node-drain-policy": ["block-for-eviction-if-contains-last-replica", "drain"],
} as const;

/** Of one part of EVE's, by its name; both take a level. */
export const agentItems: readonly string[] = ["debug.loglevel", "debug.remote.loglevel"];

export type NumberKey = keyof typeof numbers;
export type SwitchKey = keyof typeof switches;
export type ChoiceKey = keyof typeof choices;
export type TextKey = keyof typeof texts;
export type ItemKey = NumberKey | SwitchKey | ChoiceKey | TextKey;

const baseOs = "this engine does not update its own system";
const go = "this engine has no Go runtime";
const kubernetes = "this engine runs no Kubernetes";
const modem = "ModemManager is left to mend its modems by itself";
const vault = "this engine's disks give back at once what is not needed any more";
const zfs = "this engine keeps no ZFS pool";
const netdump = "this engine records no network traces";
const monitor = "this engine has no memory monitor";
const system = "this engine leaves it to the box's own system";
const syslog = "this engine uploads its own log, not the system's";
const screens = "screens of machines are reached through remote access alone";
const debugging = "machines are not debugged from outside";
const graphics = "machines are given no graphics of the box's own";
const probes = "this engine tests ports by reaching the controller";

/** Items that change nothing here: why, and where it is not EVE's default what is so instead. */
export const unused: Readonly<Partial<Record<ItemKey, readonly [why: string, inForce?: string]>>> = {
  "timer.update.fallback.no.network": [baseOs],
  "timer.test.baseimage.update": [baseOs],
  "force.fallback.counter": [baseOs],
  "timer.port.georedo": ["this engine looks up no place by address"],
  "timer.port.georetry": ["this engine looks up no place by address"],
  "diag.probe.remote.http.endpoint": [probes],
  "diag.probe.remote.https.endpoint": [probes],
  "timer.vault.trim.max.secs": [vault],
  "timer.vault.trim.cron": [vault],
  "timer.zfs.pool.trim.cron": [zfs],
  "storage.zfs.reserved.percent": [zfs],
  "storage.longhorn.disk.reserved.gigabytes": [kubernetes],
  "storage.longhorn.snapshot.cron": [kubernetes],
  "storage.longhorn.node-drain-policy": [kubernetes],
  "kubernetes.drain.timeout": [kubernetes],
  "drain.skip.k8sapinotreachable.timeout": [kubernetes],
  "kubernetes.drain.allnodes.config.multiple": [kubernetes],
  "kubernetes.vmi.deschedule.events": [kubernetes],
  "k3s.config.override": [kubernetes],
  "k3s.version": [kubernetes],
  "gogc.memory.limit.bytes": [go],
  "gogc.percent": [go],
  "gogc.forced.interval.seconds": [go],
  "gogc.forced.growth.memory.MiB": [go],
  "gogc.forced.growth.memory.percent": [go],
  "goroutine.leak.detection.threshold": [go],
  "goroutine.leak.detection.check.interval.minutes": [go],
  "goroutine.leak.detection.check.window.minutes": [go],
  "goroutine.leak.detection.keep.stats.hours": [go],
  "goroutine.leak.detection.cooldown.minutes": [go],
  "netdump.topic.preonboard.interval": [netdump],
  "netdump.topic.postonboard.interval": [netdump],
  "netdump.topic.maxcount": [netdump],
  "netdump.enable": [netdump, "false"],
  "netdump.downloader.with.pcap": [netdump],
  "netdump.downloader.http.with.fieldvalue": [netdump],
  "network.local.legacy.mac.address": ["addresses of apps were never made otherwise here"],
  "debug.disable.dhcp.all-ones.netmask": ["apps are given the mask of their network", "true"],
  "internal-memory-monitor.store.enabled": [monitor, "false"],
  "internal-memory-monitor.analyze.enabled": [monitor, "false"],
  "memory-monitor.enabled": [monitor],
  "debug.enable.usb": [system],
  "debug.enable.vga": [system],
  "debug.enable.console": [system],
  "debug.enable.efi": ["the firmware of machines writes no debugging log"],
  "debug.enable.ssh": ["nothing listens on the box; its own system decides on logins"],
  "debug.tui.loglevel": ["this engine has no text console"],
  "app.allow.vnc": [screens],
  "debug.enable.vnc.shim.vm": ["the machine of a container has no screen"],
  "igpu.gop": [graphics],
  "debug.qemu.process.core": ["cores of machines are not kept", "false"],
  "debug.qemu.guest.core": ["cores of machines are not kept", "false"],
  "debug.qemu.process.core.guest.ram": ["cores of machines are not kept"],
  "debug.qemu.pause.on.crash": ["a machine that crashes is started again"],
  "debug.qemu.gdb": [debugging],
  "debug.qemu.igpu.no.mmap": [graphics],
  "debug.qemu.trace.events": [debugging],
  "wwan.query.visible.providers": ["scans take some modems off the air"],
  "wwan.modem.recovery.watchdog": [modem],
  "wwan.modem.recovery.reload.drivers": [modem],
  "wwan.modem.recovery.restart.modemmanager": [modem],
  "debug.syslog.loglevel": [syslog],
  "debug.syslog.remote.loglevel": [syslog, "none"],
  "log.count.filenames": ["lines of this engine's log name no source file"],
  "log.filter.filenames": ["lines of this engine's log name no source file"],
  "vector.enabled": ["this engine runs no Vector", "false"],
  "vector.config": ["this engine runs no Vector"],
};
