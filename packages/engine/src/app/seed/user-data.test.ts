import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { readMultipart } from "./multipart.ts";
import { readUserData, type UserData } from "./user-data.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const read = async (lines: readonly string[]): Promise<UserData> =>
  await readUserData(new TextEncoder().encode(lines.join("\n")));

describe("user data of a container", () => {
  const environments: [string, string[], UserData["environment"]][] = [
    [
      "lines",
      ["A=1", "B = two words ", "# no", "EMPTY=", "no variable"],
      [
        ["A", "1"],
        ["B", "two words"],
        ["EMPTY", ""],
      ],
    ],
    [
      "quotes around a value or all of it",
      ['A="x y"', '"B=z"'],
      [
        ["A", "x y"],
        ["B", "z"],
      ],
    ],
    [
      "what a shell would export",
      ["export A=b=c", "- B=1"],
      [
        ["A", "b=c"],
        ["B", "1"],
      ],
    ],
    [
      "runcmd of a cloud-config",
      ["#cloud-config", "runcmd:", "- A=1", '- "B=c d"', "- [ls]"],
      [
        ["A", "1"],
        ["B", "c d"],
      ],
    ],
    ["nothing", [""], []],
  ];
  for (const [name, lines, environment] of environments)
    it(`gives variables from ${name}`, async () => {
      assert.deepEqual((await read(lines)).environment, environment);
    });

  it("is not looked into when it is no text", async () => {
    assert.deepEqual(await readUserData(Uint8Array.of(0x1f, 0x8b, 0xff)), { environment: [], files: [] });
  });

  it("has files in every encoding of cloud-init's that EVE knows", async () => {
    const packed = gzipSync("packed").toString("base64");
    const { files } = await read([
      "#cloud-config",
      "write_files:",
      '- {path: /etc/a, content: plain, permissions: "0600"}',
      `- {path: etc/./b, content: ${Buffer.from("coded").toString("base64")}, encoding: b64, permissions: 0755}`,
      `- {path: /c, content: ${packed}, encoding: gz+base64}`,
    ]);
    assert.deepEqual(
      files.map(({ path, mode, content }) => [path, mode.toString(8), text(content)]),
      [
        ["etc/a", "600", "plain"],
        ["etc/b", "755", "coded"],
        ["c", "644", "packed"],
      ],
    );
  });

  const refused: [string, string[], RegExp][] = [
    ["no YAML", ["a: [1"], /the #cloud-config is not YAML/],
    ["a list", ["- a"], /is not a mapping/],
    [
      "a way out of the root",
      ["write_files: [{path: /../etc/x, content: y}]"],
      /write_files\[0\]\.path .* leads outside/,
    ],
    ["no path", ["write_files: [{content: y}]"], /write_files\[0\] has no path/],
    ["no such mode", ['write_files: [{path: /x, content: y, permissions: "rw"}]'], /permissions rw is not/],
    [
      "no such encoding",
      ["write_files: [{path: /x, content: y, encoding: rot13}]"],
      /encoding rot13 is not known/,
    ],
    ["what is not base64", ["write_files: [{path: /x, content: '!', encoding: b64}]"], /content is not b64/],
  ];
  for (const [name, lines, why] of refused)
    it(`is refused with ${name}`, async () => {
      await assert.rejects(read(["#cloud-config", ...lines]), why);
    });
});

describe("a multipart", () => {
  const whole = (...parts: string[]): string =>
    ['Content-Type: multipart/mixed; boundary="=B="', "MIME-Version: 1.0", "", ...parts, "--=B=--", ""].join(
      "\r\n",
    );
  const part = (name: string, body: string, more = "Content-Type: text/plain"): string =>
    ["--=B=", more, `Content-Disposition: attachment; filename="${name}"`, "", body].join("\r\n");

  it("becomes files by the names of its parts", () => {
    const coded = part(
      "openstack/latest/user_data",
      Buffer.from("two\n").toString("base64"),
      "Content-Transfer-Encoding: base64",
    );
    const files = readMultipart(whole(part("meta-data", "instance-id: 7\r\n"), coded));
    assert.deepEqual(
      files?.map(({ path, content }) => [path, text(content)]),
      [
        ["meta-data", "instance-id: 7\n"],
        ["openstack/latest/user_data", "two\n"],
      ],
    );
  });

  it("is none without a boundary, and refused when it leads astray", () => {
    assert.equal(readMultipart("#cloud-config\n"), undefined);
    assert.throws(() => readMultipart(whole(part("../x", "y"))), /leads outside of the CD/);
    assert.throws(() => readMultipart(whole(part("", "y"))), /part 1 of the multipart has no filename/);
    assert.throws(() => readMultipart(whole().replace("--=B=--", "")), /does not end with/);
  });
});
