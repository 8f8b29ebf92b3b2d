import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { ContentSpec, Datastore } from "../desired.ts";
import type { HttpRequest } from "../host/http.ts";
import { azureRequest, sharedKey } from "./azure.ts";
import { fileSource } from "./file-source.ts";
import { s3Request, sign } from "./s3.ts";

const at = instant(Date.UTC(2013, 4, 24));
const store = (more: Partial<Datastore>): Datastore => ({
  ...{ id: "d", type: "s3", fqdn: "", path: "", region: "us-east-1", certificates: [] },
  credentials: async () => undefined,
  ...more,
});
const amazon = {
  user: "AKIAIOSFODNN7EXAMPLE",
  password: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

describe("S3", () => {
  it("is asked with the signature of Amazon's own example", () => {
    const headers = {
      host: "examplebucket.s3.amazonaws.com",
      range: "bytes=0-9",
      "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "x-amz-date": "20130524T000000Z",
    };
    const url = new URL("https://examplebucket.s3.amazonaws.com/test.txt");
    const [, names, signature] =
      /SignedHeaders=(.*), Signature=(.*)$/.exec(sign(url, headers, amazon, "us-east-1")) ?? [];
    assert.equal(names, "host;range;x-amz-content-sha256;x-amz-date");
    assert.equal(signature, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  });

  const addresses: [string, Partial<Datastore>, string, string][] = [
    ["Amazon's hosts", {}, "shop/a b.img", "https://shop.s3.us-east-1.amazonaws.com/a%20b.img"],
    ["EVE's own region", { region: "" }, "shop/x", "https://shop.s3.us-west-2.amazonaws.com/x"],
    ["a dot in the name", {}, "my.shop/x", "https://s3.us-east-1.amazonaws.com/my.shop/x"],
    [
      "somebody else's endpoint",
      { fqdn: "http://10.0.0.5:9000" },
      "shop/d/x",
      "http://10.0.0.5:9000/shop/d/x",
    ],
    ["an endpoint with the bucket", { fqdn: "shop.s3.example" }, "shop/x", "https://shop.s3.example/x"],
  ];
  for (const [name, more, path, url] of addresses)
    it(`is found at ${name}`, () => {
      assert.equal(s3Request(store(more), path, undefined, at).url, url);
    });

  it("needs a bucket and a key", () => {
    assert.throws(() => s3Request(store({}), "shop", undefined, at), /needs a bucket in dpath, and a key/);
  });
});

describe("Azure", () => {
  const key = Buffer.from("a key").toString("base64");

  it("is asked with a shared key over range, headers and resource", () => {
    const url = new URL("https://shop.blob.core.windows.net/images/a%20b.img?comp=x");
    const headers = { "x-ms-version": "2021-08-06", "x-ms-date": "d", range: "bytes=5-" };
    assert.equal(
      sharedKey(url, headers, { user: "shop", password: key }),
      // By Python's hmac, over the text that Azure's documentation prescribes.
      "SharedKey shop:FvlwRjCVi56KtCmCFvJp14BoylkPq09dwy6tvchqI20=",
    );
  });

  it("finds the account's own address, and takes a signature in the password as it is", () => {
    const sas = { user: "shop", password: "?sv=2021&sp=r&sig=a%2Fb" };
    const { url, headers } = azureRequest(store({ type: "azure" }), "images/x.img", sas, {}, at);
    assert.equal(url, "https://shop.blob.core.windows.net/images/x.img?sv=2021&sp=r&sig=a%2Fb");
    assert.deepEqual(Object.keys(headers), ["x-ms-version"]);
  });
});

describe("a plain web server", () => {
  const spec = { url: "/images/x.img" } as ContentSpec;
  const asked: HttpRequest[] = [];
  const http = {
    send: async (request: HttpRequest) => {
      asked.push(request);
      const elsewhere = request.url.includes("other");
      return elsewhere
        ? { status: 200, headers: {}, body: (async function* () {})() }
        : { status: 302, headers: { location: "https://other.example/x" }, body: (async function* () {})() };
    },
  };
  const sftp = {
    open: async () => {
      throw new Error("no SFTP here");
    },
  };
  const parts = (insecureAuth: boolean) => ({
    ...{ http, sftp, clock: { now: () => at } },
    settings: () => ({ insecureAuth }),
  });

  it("gets credentials over https, and whoever it sends us to does not", async () => {
    const credentials = async () => ({ user: "Bearer", password: "t" });
    const datastore = store({ type: "https", fqdn: "files.example", path: "/p/", credentials });
    const source = await fileSource(parts(false), spec, datastore);
    await source.open(7, new AbortController().signal);
    assert.deepEqual(
      asked.map(({ url, headers }) => [url, headers]),
      [
        ["https://files.example/p/images/x.img", { range: "bytes=7-", authorization: "Bearer t" }],
        ["https://other.example/x", { range: "bytes=7-" }],
      ],
    );
  });

  it("gets none over http, unless the configuration says that it may", async () => {
    const credentials = async () => ({ user: "u", password: "p" });
    const datastore = store({ type: "http", fqdn: "http://files.example", credentials });
    await assert.rejects(fileSource(parts(false), spec, datastore), /credentials are not sent over http/);
    await fileSource(parts(true), spec, datastore);
  });
});
