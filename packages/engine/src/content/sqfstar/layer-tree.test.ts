import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadImageError } from "../image-builder.ts";
import { type EntryHeader, LayerTree } from "./layer-tree.ts";

type Line = string | [name: string, target: string];

/** "d/" is a folder, "f" a file, ["l", "->x"] a symbolic link, ["h", "=x"] a hard link. */
function merge(...layers: Line[][]): Record<string, string> {
  const tree = new LayerTree();
  for (const [layer, lines] of layers.entries())
    for (const [entry, line] of lines.entries()) tree.add(layer, entry, header(line));
  const { folders, inodes } = tree.result();
  const out: Record<string, string> = {};
  for (const [path] of folders) out[path] = "folder";
  for (const [inode, names] of inodes) for (const name of names) out[name] = `${inode.layer}/${inode.entry}`;
  return out;
}

function header(line: Line): EntryHeader {
  if (typeof line === "string") return { name: line, type: line.endsWith("/") ? "directory" : "file" };
  const [name, target] = line;
  const symbolic = target.startsWith("->");
  return { name, type: symbolic ? "symlink" : "link", linkname: target.slice(symbolic ? 2 : 1) };
}

const cases: [string, Line[][], Record<string, string>][] = [
  ["keeps the newest file", [["a"], ["a"]], { a: "1/0" }],
  ["whiteouts remove", [["d/", "d/a", "d/b"], ["d/.wh.a"]], { d: "folder", "d/b": "0/2" }],
  [
    "opaque hides only what is below",
    [
      ["d/", "d/a"],
      ["d/b", "d/.wh..wh..opq"],
    ],
    { d: "folder", "d/b": "1/0" },
  ],
  ["makes missing parents", [["./x/y/z"]], { x: "folder", "x/y": "folder", "x/y/z": "0/0" }],
  ["a file replaces a folder", [["d/", "d/a"], ["d"]], { d: "1/0" }],
  ["a folder entry keeps the children", [["d/", "d/a"], ["d/"]], { d: "folder", "d/a": "0/1" }],
  ["a hard link survives its first name", [["a", ["b", "=a"]], [".wh.a"]], { b: "0/0" }],
  ["a hard link keeps old content", [["a", ["b", "=a"]], ["a"]], { a: "1/0", b: "0/0" }],
  [
    "writes through a folder's link",
    [["usr/", "usr/bin/", ["bin", "->usr/bin"]], ["bin/sh"]],
    { usr: "folder", "usr/bin": "folder", bin: "0/2", "usr/bin/sh": "1/0" },
  ],
  [
    "a link cannot climb out",
    [[["e", "->../../../etc"]], ["e/passwd"]],
    { e: "0/0", etc: "folder", "etc/passwd": "1/0" },
  ],
];

describe("LayerTree", () => {
  for (const [name, layers, expected] of cases) it(name, () => assert.deepEqual(merge(...layers), expected));

  const refused: [string, Line[]][] = [
    ["a path that climbs", ["../etc/passwd"]],
    ["a path that climbs inside", ["a/../../b"]],
    ["a link to nothing", [["a", "=b"]]],
    ["a circle of links", [["a", "->b"], ["b", "->a"], "a/x"]],
    ["a name too long", ["n".repeat(300)]],
  ];
  for (const [name, lines] of refused)
    it(`refuses ${name}`, () => assert.throws(() => merge(lines), BadImageError));
});
