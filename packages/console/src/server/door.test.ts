import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type House, judge, type Knock } from "./door.ts";

const house: House = {
  ...{ host: "127.0.0.1:8010", cookieName: "c" },
  knows: (cookie, key) => cookie === "left" && key === "right",
};
const own = "http://127.0.0.1:8010";
const session = { cookie: "other=1; c=left", "x-selvedge-key": "right" };
const byPage = { "sec-fetch-site": "same-origin", "sec-fetch-dest": "empty", "sec-fetch-mode": "cors" };
const visit = { "sec-fetch-site": "none", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate" };
const dialled = { origin: own, cookie: "c=left", "sec-websocket-protocol": "v5.channel.k8s.io, key.right" };
const pods = "/api/v1/pods?limit=5";
const stream = `/console/stream?path=${encodeURIComponent("/api/v1/pods?watch=1")}`;

type Headers = Readonly<Record<string, string>>;

function knock(method: string, url: string, headers: Headers = {}, isUpgrade = false): Knock {
  return { method, url, headers: { host: "127.0.0.1:8010", ...headers }, isUpgrade };
}

describe("the door", () => {
  const rows: readonly (readonly [what: string, knock: Knock, verdict: string | number])[] = [
    ["the page, by its address", knock("GET", "/", visit), "page"],
    [
      "the page, by a link of another",
      knock("GET", "/", { ...visit, "sec-fetch-site": "cross-site" }),
      "page",
    ],
    ["a file of the page", knock("GET", "/console/style.css", byPage), "page"],
    [
      "a file of the page, into another page",
      knock("GET", "/console/icon.svg", { "sec-fetch-site": "cross-site" }),
      403,
    ],
    [
      "the page in a frame of another",
      knock("GET", "/", { ...visit, "sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe" }),
      403,
    ],
    ["a request to the API", knock("GET", pods, { ...session, ...byPage }), "api"],
    ["the same from a program that has a session", knock("GET", pods, session), "api"],
    [
      "a change",
      knock("PATCH", "/apis/selvedge.dev/v1alpha1/edgenodes/a", { ...session, ...byPage, origin: own }),
      "api",
    ],
    [
      "a name of another machine for this address",
      knock("GET", "/", { ...visit, host: "evil.example:8010" }),
      421,
    ],
    ["another port", knock("GET", "/", { ...visit, host: "127.0.0.1:80" }), 421],
    ["the name of this address", knock("GET", "/", { ...visit, host: "localhost:8010" }), 421],
    ["another origin", knock("GET", pods, { ...session, origin: "http://evil.example" }), 403],
    ["another port's origin", knock("GET", pods, { ...session, origin: "http://127.0.0.1:9999" }), 403],
    ["no origin that can be told", knock("POST", "/api/v1/pods", { ...session, origin: "null" }), 403],
    ["a change without an origin", knock("DELETE", "/api/v1/namespaces/a/pods/b", session), 403],
    [
      "another site's page",
      knock("GET", pods, { ...session, ...byPage, "sec-fetch-site": "cross-site" }),
      403,
    ],
    [
      "another server of this address",
      knock("GET", pods, { ...session, ...byPage, "sec-fetch-site": "same-site" }),
      403,
    ],
    ["an answer of the API as a page", knock("GET", pods, { ...session, ...visit }), 403],
    [
      "an answer of the API as a script",
      knock("GET", pods, { ...session, ...byPage, "sec-fetch-dest": "script" }),
      403,
    ],
    ["nobody", knock("GET", pods, byPage), 401],
    ["the cookie alone", knock("GET", pods, { cookie: "c=left" }), 401],
    ["the key alone", knock("GET", pods, { "x-selvedge-key": "right" }), 401],
    ["another console's cookie", knock("GET", pods, { ...session, cookie: "d=left" }), 401],
    [
      "what an app serves",
      knock("GET", "/api/v1/namespaces/a/services/b/proxy/", { ...session, ...byPage }),
      403,
    ],
    ["a way around", knock("GET", "/api/../console/session", session), 400],
    ["a way around in code", knock("GET", "/api/%2e%2e/etc/passwd", session), 400],
    ["a slash in code", knock("GET", "/api/v1/namespaces/a/services/b%2fproxy", session), 400],
    ["a backslash", knock("GET", "/api\\v1", session), 400],
    ["two slashes", knock("GET", "//evil.example/api", session), 400],
    ["a whole URL", knock("GET", "http://evil.example/api", session), 400],
    ["a path without an end", knock("GET", `/api/${"a".repeat(9000)}`, session), 400],
    ["a method of nobody", knock("TRACE", pods, { ...session, origin: own }), 405],
    ["a change of the page", knock("PUT", "/console/style.css", { origin: own }), 405],
    ["a secret", knock("POST", "/console/session", { ...byPage, origin: own }), "exchange"],
    ["a secret by another page", knock("POST", "/console/session", { origin: "http://evil.example" }), 403],
    ["a secret that is only looked for", knock("GET", "/console/session", byPage), 405],
    ["a terminal", knock("GET", "/api/v1/namespaces/a/pods/b/exec?command=sh", dialled, true), "api"],
    [
      "a terminal of another origin",
      knock("GET", "/api/v1/pods", { ...dialled, origin: "http://evil.example" }, true),
      403,
    ],
    ["a terminal without an origin", knock("GET", "/api/v1/pods", { ...dialled, origin: "" }, true), 403],
    [
      "a terminal without the key",
      knock("GET", "/api/v1/pods", { ...dialled, "sec-websocket-protocol": "v5.channel.k8s.io" }, true),
      401,
    ],
    ["a stream", knock("GET", stream, dialled, true), "stream"],
    ["a stream of what is no API", knock("GET", "/console/stream?path=%2Fetc", dialled, true), 400],
    [
      "a stream of what an app serves",
      knock("GET", "/console/stream?path=/api/v1/nodes/a/proxy/logs", dialled, true),
      400,
    ],
    ["a stream of a way around", knock("GET", "/console/stream?path=/api/../metrics", dialled, true), 400],
    ["a stream to nobody", knock("GET", stream, { origin: own }, true), 401],
  ];
  for (const [what, asked, wanted] of rows) {
    it(`${typeof wanted === "number" ? `answers ${wanted} to` : `takes for ${wanted}`} ${what}`, () => {
      const verdict = judge(asked, house);
      assert.equal(verdict.is === "refused" ? verdict.status : verdict.is, wanted, JSON.stringify(verdict));
    });
  }

  it("keeps the key from the API", () => {
    const verdict = judge(knock("GET", "/api/v1/namespaces/a/pods/b/exec", dialled, true), house);
    assert.deepEqual(verdict.is === "api" && verdict.offered, ["v5.channel.k8s.io"]);
  });
});
