import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppId } from "../../desired.ts";
import type { MachineDevice } from "../../device/device-spec.ts";
import { vmArgs } from "./vm-args.ts";

const args = (devices: readonly MachineDevice[], screen?: number, usbFirst = false, more = {}): string => {
  const spec = {
    id: "a" as AppId,
    memoryMib: 64,
    vcpus: 1,
    disks: [],
    scratchBytes: 0,
    volumes: [{ path: "/v", readOnly: false, cdrom: false, secret: undefined }],
    nics: [],
  };
  const boot = { firmware: "bios", devices: "virtio", screen, seed: undefined, usbFirst, ...more } as const;
  const paths = { seed: "", firmware: "", variables: undefined };
  const whole = { ...spec, secret: undefined, vm: boot, uid: undefined, devices };
  return vmArgs(whole, boot, { kind: "kvm" }, paths).args.join(" ");
};

describe("devices of the box in a virtual machine", () => {
  const rows: readonly (readonly [MachineDevice, RegExp])[] = [
    [
      { kind: "pci", address: "0000:05:00.0", node: "/dev/vfio/7" },
      /-device vfio-pci,host=0000:05:00\.0,rombar=0/,
    ],
    [
      { kind: "usb", bus: 1, port: "2.3", node: "/dev/bus/usb/001/004" },
      /-device qemu-xhci .*-device usb-host,hostbus=1,hostport=2\.3/,
    ],
    [
      { kind: "serial", node: "/dev/ttyS1" },
      /-chardev serial,id=s0,path=\/dev\/ttyS1 -device pci-serial,chardev=s0/,
    ],
  ];
  for (const [device, wanted] of rows)
    it(`are given as ${wanted.source}`, () => assert.match(args([device]), wanted));

  it("are started from before the disks where somebody says so", () => {
    const usb = { kind: "usb", bus: 1, port: "2.3", node: "/dev/bus/usb/001/004" } as const;
    assert.match(args([usb], undefined, true), /bootindex=1.*hostport=2\.3,bootindex=0/);
    assert.match(args([usb]), /bootindex=0.*hostport=2\.3 /);
    assert.match(args([], undefined, true), /bootindex=0/);
  });

  it("have one bus for USB, whoever needs it", () => {
    const usb = { kind: "usb", bus: 1, port: "2.3", node: "/dev/bus/usb/001/004" } as const;
    assert.equal(args([usb], 0).match(/qemu-xhci/g)?.length, 1);
    assert.doesNotMatch(args([]), /xhci|vfio|usb/);
  });

  it("are not all: a screen has the resolution that is wanted", () => {
    assert.match(args([], 0), /-device VGA -device usb-tablet/);
    const resolution = { width: 1920, height: 1080 };
    assert.match(args([], 0, false, { resolution }), /-device VGA,xres=1920,yres=1080 /);
  });

  it("are not all: a screen asks for its password, which is in no argument", () => {
    assert.match(args([], 0), /-vnc unix:vnc.sock /);
    const asking = args([], 0, false, { screenPassword: "s3cret" });
    assert.match(asking, /-object secret,id=screen,file=\/proc\/self\/fd\/\d+ .*password-secret=screen/);
    assert.doesNotMatch(asking, /s3cret/);
  });
});
