import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { instant } from "@selvedge/base";
import { info, infoCommon } from "@selvedge/eve-api";
import type { ContentId, ContentSpec, NetworkSpec, VolumeSpec } from "../../desired.ts";
import { bySelf, ErrorTimes } from "./error-info.ts";
import type { InfoMessage } from "./info-messages.ts";
import { networkInfo } from "./network-info.ts";
import { contentInfo, volumeInfo } from "./storage-messages.ts";

const { Entity, Severity } = infoCommon;
const failed = (reason: string) => ({
  ...({ phase: "failed", reason, message: "m", failures: 1, retryAt: instant(0) } as const),
});
const content = { id: "c" as ContentId, displayName: "image", url: "u" } as unknown as ContentSpec;
const volume = { id: "v", displayName: "disk", generation: 0, sizeBytes: 1 } as unknown as VolumeSpec;
const network = { id: "n", name: "lan", kind: "local", gateway: "" } as unknown as NetworkSpec;

function errorsOf(message: InfoMessage): infoCommon.ErrorInfo[] {
  const { InfoContent: told } = message;
  if (told.case === "cinfo") return told.value.err === undefined ? [] : [told.value.err];
  if (told.case === "vinfo") return told.value.volumeErr === undefined ? [] : [told.value.volumeErr];
  return told.case === "niinfo" ? told.value.networkErr : [];
}

const waiting = { phase: "waiting", reason: "no card" } as never;

const unread = { field: "volumes[0].uuid", message: "m", goesOn: false };

describe("what went wrong", () => {
  const rows: readonly (readonly [string, InfoMessage, entity: readonly unknown[], retry: RegExp])[] = [
    [
      "with an image",
      contentInfo("node", content, failed("ErrImagePull"), undefined),
      [Entity.CONTENT_TREE, "c", "image"],
      new RegExp(bySelf),
    ],
    [
      "with an image that would cost too much",
      contentInfo("node", content, failed("NetworkTooCostly"), undefined),
      [Entity.CONTENT_TREE, "c", "image"],
      /once a port leads to the controller/,
    ],
    [
      "with a volume for want of room",
      volumeInfo("node", volume, failed("DiskFull"), undefined),
      [Entity.VOLUME, "v", "disk"],
      /room on the disk/,
    ],
    [
      "with an entry that cannot be read",
      volumeInfo("node", { ...volume, unread }, undefined, undefined),
      [Entity.VOLUME, "v", "disk"],
      /read again with the next configuration/,
    ],
    [
      "with a network",
      networkInfo("node", network, waiting, [], []),
      [Entity.NETWORK_INSTANCE, "n", "lan"],
      /as soon as what it waits for is there/,
    ],
  ];
  for (const [name, message, entity, retry] of rows) {
    it(`${name} is told with what it is of, and when it is tried again`, () => {
      const [error, ...more] = errorsOf(message);
      assert.equal(more.length, 0);
      assert.equal(error?.severity, Severity.ERROR);
      assert.match(error.retryCondition, retry);
      assert.deepEqual(
        error.entities.map((it) => [it.entity, it.entityId, it.entityName]),
        [entity],
      );
    });
  }
});

describe("since when it is wrong", () => {
  const message = (...descriptions: string[]): InfoMessage =>
    create(info.ZInfoMsgSchema, {
      InfoContent: {
        case: "ainfo",
        value: create(info.ZInfoAppSchema, {
          appErr: descriptions.map((description) => ({ description })),
          snapshots: [{ snapErr: { description: "deep" } }],
        }),
      },
    });
  const since = ({ InfoContent: { value } }: InfoMessage): number[] => {
    const { appErr, snapshots } = value as info.ZInfoApp;
    const all = [...appErr, ...snapshots.flatMap(({ snapErr }) => snapErr ?? [])];
    return all.map(({ timestamp }) => (timestamp === undefined ? -1 : timestampDate(timestamp).getTime()));
  };

  it("stays while it is, and is new when it was gone, wherever in a message", () => {
    const times = new ErrorTimes();
    const told = (at: number, ...descriptions: string[]): number[] => {
      const made = message(...descriptions);
      times.stamp("app/a", made, instant(at));
      return since(made);
    };
    assert.deepEqual(told(1, "one"), [1, 1]);
    assert.deepEqual(told(2, "one", "two"), [1, 2, 1]);
    assert.deepEqual(told(3, "two"), [2, 1]);
    assert.deepEqual(told(4, "one", "two"), [4, 2, 1]);
  });

  it("is known of so many things", () => {
    const times = new ErrorTimes();
    for (let thing = 0; thing < 1_001; thing++) times.stamp(`app/${thing}`, message("one"), instant(1));
    const [first, last] = [message("one"), message("one")];
    times.stamp("app/1000", last, instant(2));
    times.stamp("app/0", first, instant(2));
    assert.deepEqual(
      [since(first), since(last)],
      [
        [2, 2],
        [1, 1],
      ],
    );
  });
});
