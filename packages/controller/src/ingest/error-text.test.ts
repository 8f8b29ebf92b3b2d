import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { info, infoCommon } from "@selvedge/eve-api";
import type { EdgeNodeStatus } from "@selvedge/kinds";
import { errorsText, errorText } from "./error-text.ts";
import { setNetworksCondition } from "./eve-status.ts";
import { contentNews, volumeNews } from "./foreign-parts.ts";

const error = (description: string, retryCondition = ""): infoCommon.ErrorInfo =>
  create(infoCommon.ErrorInfoSchema, { description, retryCondition });

describe("what a node says went wrong", () => {
  const rows: readonly (readonly [string, infoCommon.ErrorInfo | undefined, string])[] = [
    ["nothing", undefined, ""],
    ["nothing, though it says when", error("", "soon"), ""],
    ["what", error("no route"), "no route"],
    ["what, and when it tries again", error("no route", "in five minutes"), "no route (in five minutes)"],
    ["too much", error("x".repeat(5_000), "y".repeat(5_000)), `${"x".repeat(1024)} (${"y".repeat(1024)})`],
  ];
  for (const [name, said, text] of rows) it(`is ${name}`, () => assert.equal(errorText(said), text));

  it("is said once, however often a node does", () => {
    assert.equal(
      errorsText([error("a", "later"), error("a", "later"), error(""), error("b")]),
      "a (later); b",
    );
  });

  it("is shown with it where it is of an image, a volume or a network", () => {
    const err = error("broken", "when it is mended");
    const shown = "broken (when it is mended)";
    assert.equal(contentNews(create(info.ZInfoContentTreeSchema, { err }))?.message, shown);
    assert.equal(volumeNews(create(info.ZInfoVolumeSchema, { volumeErr: err }))?.message, shown);
    const status: EdgeNodeStatus = {};
    const network = create(info.ZInfoNetworkInstanceSchema, { displayname: "lan", networkErr: [err] });
    setNetworksCondition(status, network, instant(0));
    assert.equal(status.conditions?.[0]?.message, `lan: ${shown}`);
  });
});
