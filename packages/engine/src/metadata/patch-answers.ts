import { readFile } from "node:fs/promises";
import { type Caller, json, jsonRefusal, type MetadataAnswer, noContent, refusal } from "./exchange.ts";
import type { PatchBook } from "./patch-book.ts";
import { describePatch, type ReadyArtifact } from "./patches.ts";
import { zip } from "./zip.ts";

/** An archive is put together in memory; larger artifacts are fetched one by one. */
const archiveMax = 64 * 2 ** 20;

/** `/eve/v1/patch/…` */
export async function patchAnswer(
  path: string,
  caller: Caller | undefined,
  book: PatchBook,
): Promise<MetadataAnswer> {
  if (caller === undefined) return noContent;
  const views = await book.of(caller.id);
  if (views.length === 0) return jsonRefusal(404, `No envelopes for ${caller.id}`);
  const [, , , , what = "", id = "", file = ""] = path.split("/");
  if (what === "description.json") {
    for (const { spec } of views) book.count(caller.id, spec, "asked");
    return json(views.map(describePatch));
  }
  if (what !== "download") return refusal(404, "404 page not found");
  const view = views.find(({ spec }) => spec.id === id.toLowerCase());
  if (view === undefined)
    return file === "" ? refusal(401, "Unauthorized") : jsonRefusal(404, "patch is not found");
  if (file !== "") {
    const artifact = view.ready.find((it) => it.file === decoded(file));
    if (artifact === undefined) return jsonRefusal(404, "file is not found");
    book.count(caller.id, view.spec, "downloaded");
    return artifactAnswer(artifact);
  }
  if (view.status.sizeBytes > archiveMax)
    return jsonRefusal(500, `the files have ${view.status.sizeBytes} bytes; fetch them one by one`);
  const entries = await Promise.all(
    view.ready.map(async ({ file: name, data }) => ({
      name,
      content: "text" in data ? new TextEncoder().encode(data.text) : await readFile(data.path),
    })),
  );
  book.count(caller.id, view.spec, "downloaded");
  return { status: 200, type: "application/zip", body: zip(entries) };
}

function artifactAnswer({ data, file, sizeBytes }: ReadyArtifact): MetadataAnswer {
  const headers = { "Content-Disposition": `attachment; filename="${encodeURIComponent(file)}"` };
  if ("text" in data) return { status: 200, type: "text/plain", body: data.text };
  return { status: 200, type: "application/octet-stream", headers, file: { path: data.path, sizeBytes } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // What is no encoding is the name itself.
    return text;
  }
}
