/**
 * EVE's configuration items, and which values a box takes. It keeps the old value of what it cannot take,
 * so what is wrong is better said when it is written.
 */

const uint32 = 4_294_967_295;

/** Whole numbers, with the least and the most. */
const numbers: Readonly<Record<string, readonly [least: number, most: number]>> = {
  "timer.config.interval": [5, 86_400],
  "timer.cert.interval": [60, uint32],
  "timer.metric.diskscan.interval": [5, 3600],
  "timer.metric.interval": [5, 3600],
  "timer.hardwarehealth.interval": [21_600, uint32],
  "timer.deviceinfo.interval": [30, uint32],
  "timer.reboot.no.network": [120, uint32],
  "timer.update.fallback.no.network": [60, uint32],
  "timer.test.baseimage.update": [30, 3600],
  "timer.gc.vdisk": [60, uint32],
  "timer.defer.content.delete": [0, 86_400],
  "timer.download.retry": [60, uint32],
  "timer.download.stalled": [20, uint32],
  "timer.boot.retry": [10, uint32],
  "timer.port.georedo": [60, uint32],
  "timer.port.georetry": [5, uint32],
  "timer.port.testduration": [10, 3600],
  "timer.port.testinterval": [300, 3600],
  "timer.port.testbetterinterval": [0, uint32],
  "timer.port.timeout": [0, 3600],
  "timer.send.timeout": [0, 3600],
  "timer.dial.timeout": [0, 3600],
  "timer.location.cloud.interval": [300, uint32],
  "timer.location.app.interval": [5, 3600],
  "timer.ntpsources.interval": [60, uint32],
  "storage.dom0.disk.minusage.percent": [20, 80],
  "timer.appcontainer.stats.interval": [1, uint32],
  "timer.vault.ready.cutoff": [60, uint32],
  "timer.vault.trim.max.secs": [0, uint32],
  "storage.dom0.disk.maxusagebytes": [104_857_600, uint32],
  "storage.zfs.reserved.percent": [1, 99],
  "storage.longhorn.disk.reserved.gigabytes": [0, 1_048_576],
  "force.fallback.counter": [0, uint32],
  "gogc.memory.limit.bytes": [0, uint32],
  "gogc.percent": [0, 500],
  "gogc.forced.interval.seconds": [0, 1000],
  "gogc.forced.growth.memory.MiB": [10, 1024],
  "gogc.forced.growth.memory.percent": [5, 300],
  "memory.eve.limit.bytes": [0, uint32],
  "memory.eve.limit.MiB": [0, uint32],
  "memory.vmm.limit.MiB": [0, 1_073_741_824],
  "newlog.gzipfiles.ondisk.maxmegabytes": [10, uint32],
  "network.download.max.cost": [0, 255],
  "blob.download.max.retries": [1, 10],
  "goroutine.leak.detection.threshold": [1, uint32],
  "goroutine.leak.detection.check.interval.minutes": [1, uint32],
  "goroutine.leak.detection.check.window.minutes": [10, uint32],
  "goroutine.leak.detection.keep.stats.hours": [1, uint32],
  "goroutine.leak.detection.cooldown.minutes": [1, uint32],
  "kubernetes.drain.timeout": [1, uint32],
  "drain.skip.k8sapinotreachable.timeout": [1, uint32],
  "kubernetes.drain.allnodes.config.multiple": [1, 1000],
  "log.dedup.window.size": [0, uint32],
  "netdump.topic.preonboard.interval": [60, uint32],
  "netdump.topic.postonboard.interval": [60, uint32],
  "netdump.topic.maxcount": [1, uint32],
  "msrv.prometheus.metrics.rps": [1, uint32],
  "msrv.prometheus.metrics.burst": [1, uint32],
  "msrv.prometheus.metrics.idletimeout.seconds": [1, uint32],
  "scep.retry.interval": [60, 3600],
  "pnac.dhcp.reacquire.max.retries": [0, 8],
  "timer.lps.profile.interval": [3, 3600],
  "timer.lps.radio.interval": [3, 3600],
  "timer.lps.appinfo.interval": [3, 3600],
  "timer.lps.devinfo.interval": [3, 3600],
  "timer.lps.network.interval": [3, 3600],
  "timer.lps.appbootinfo.interval": [3, 3600],
};

const switches = [
  "internal-memory-monitor.store.enabled",
  "internal-memory-monitor.analyze.enabled",
  "debug.enable.usb",
  "debug.enable.vga",
  "app.allow.vnc",
  "memory.apps.ignore.check",
  "storage.apps.ignore.disk.check",
  "newlog.allow.fastupload",
  "debug.disable.dhcp.all-ones.netmask",
  "process.cloud-init.multipart",
  "debug.enable.console",
  "debug.enable.vnc.shim.vm",
  "network.switch.enable.arpsnoop",
  "wwan.query.visible.providers",
  "wwan.modem.recovery.watchdog",
  "wwan.modem.recovery.reload.drivers",
  "wwan.modem.recovery.restart.modemmanager",
  "network.local.legacy.mac.address",
  "memory-monitor.enabled",
  "dhcp.enable.vendorclassid",
  "debug.enable.efi",
  "debug.qemu.process.core",
  "debug.qemu.guest.core",
  "debug.qemu.process.core.guest.ram",
  "debug.qemu.pause.on.crash",
  "debug.qemu.gdb",
  "debug.qemu.igpu.no.mmap",
  "datastore.http.security.allowinsecureauth",
  "vector.enabled",
  "netdump.enable",
  "netdump.downloader.with.pcap",
  "netdump.downloader.http.with.fieldvalue",
  "app.enable.tcp.mss.clamping",
];

/** none, enabled or disabled. */
const threeWay = ["network.fallback.any.eth", "maintenance.mode", "airgap.mode"];

const texts = [
  "timer.vault.trim.cron",
  "timer.zfs.pool.trim.cron",
  "debug.qemu.trace.events",
  "debug.enable.ssh",
  "debug.default.loglevel",
  "debug.default.remote.loglevel",
  "debug.syslog.loglevel",
  "debug.kernel.loglevel",
  "debug.syslog.remote.loglevel",
  "debug.kernel.remote.loglevel",
  "app.fml.resolution",
  "app.boot.order",
  "debug.tui.loglevel",
  "igpu.gop",
  "edgeview.authen.publickey",
  "log.count.filenames",
  "log.filter.filenames",
  "vector.config",
  "diag.probe.remote.http.endpoint",
  "diag.probe.remote.https.endpoint",
  "k3s.config.override",
  "k3s.version",
  "kubernetes.vmi.deschedule.events",
  "storage.longhorn.snapshot.cron",
  "storage.longhorn.node-drain-policy",
];

/** `agent.<name>.debug.loglevel`, for one part of EVE. */
const ofAgent = /^agent\.[\w-]+\.debug\.(remote\.)?loglevel$/;
/** A configuration must stay small: it is signed, sent and kept as a whole. */
const textMax = 4096;

/** Every item by its name; one part of EVE's stands for all. */
export const settingNames: readonly string[] = [
  ...Object.keys(numbers),
  ...switches,
  ...threeWay,
  ...texts,
  "agent.<name>.debug.loglevel",
  "agent.<name>.debug.remote.loglevel",
];

/** Why a box would not take the item; undefined when it would. */
export function settingFault(name: string, value: string): string | undefined {
  const range = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
  if (range !== undefined) {
    const [least, most] = range;
    const isInRange = /^\d{1,10}$/.test(value) && Number(value) >= least && Number(value) <= most;
    return isInRange ? undefined : `must be a whole number between ${least} and ${most}, inclusive`;
  }
  if (switches.includes(name)) {
    return value === "true" || value === "false" ? undefined : 'must be "true" or "false"';
  }
  if (threeWay.includes(name)) {
    return ["none", "enabled", "disabled"].includes(value) ? undefined : "must be none, enabled or disabled";
  }
  if (!texts.includes(name) && !ofAgent.test(name)) {
    return "is no configuration item of EVE, such as timer.config.interval";
  }
  return value.length > textMax ? `must be no more than ${textMax} characters` : undefined;
}
