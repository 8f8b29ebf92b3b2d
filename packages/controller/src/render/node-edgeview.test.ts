import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, it } from "node:test";
import type { config } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { inputsOf } from "../../test/render-one.ts";
import { assembleNode, planNode } from "./node-config.ts";
import type { TokenMaker } from "./node-edgeview.ts";

function maker(): TokenMaker {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: (text) => createHmac("sha256", "secret").update(text).digest("hex"),
    sign: (bytes) => new Uint8Array(sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" })),
    hasSigned: (bytes, made) => verify("sha256", bytes, { key: publicKey, dsaEncoding: "ieee-p1363" }, made),
  };
}

const access = { dispatcher: "ev.example:443/edge-view", expires: "2030-01-02T03:04:05Z" };

function edgeview(
  remoteAccess: EdgeNode["spec"]["remoteAccess"],
  tokens: TokenMaker,
  previous?: config.EdgeDevConfig,
): config.EdgeDevConfig {
  const spec = remoteAccess === undefined ? {} : { remoteAccess };
  const edgeNode = { metadata: { name: "box" }, spec } as unknown as EdgeNode;
  return assembleNode(planNode(inputsOf([], { edgeNode, tokens })), new Map(), [], previous).config;
}

const claimsOf = ({ edgeview: made }: config.EdgeDevConfig): Record<string, unknown> =>
  JSON.parse(Buffer.from(made?.token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

describe("sessions at a dispatcher", () => {
  it("are opened by a token that names the box, until when, and what may be looked at", () => {
    const tokens = maker();
    const made = edgeview({ ...access, sessions: 2, allow: ["Device"], generation: 4 }, tokens);
    const [header = "", claims = "", signature = ""] = made.edgeview?.token.split(".") ?? [];
    assert.deepEqual(JSON.parse(Buffer.from(header, "base64url").toString()), { alg: "ES256", typ: "JWT" });
    const { key, ...others } = claimsOf(made);
    assert.deepEqual(others, {
      ...{ dep: "ev.example:443/edge-view", sub: "22222222-0000-4000-8000-000000000000" },
      ...{ exp: 1_893_553_445, num: 2, enc: false, aut: 0 },
    });
    assert.match(String(key), /^[0-9a-f]{64}$/);
    assert.ok(tokens.hasSigned(Buffer.from(`${header}.${claims}`), Buffer.from(signature, "base64url")));
    const { devPolicy, appPolicy, extPolicy, generationId } = made.edgeview ?? {};
    assert.deepEqual(
      [devPolicy?.allowDev, appPolicy?.allowApp, extPolicy?.allowExt, generationId],
      [true, false, false, 4],
    );
  });

  it("go on with the token they have, until something is another, or our key is", () => {
    const tokens = maker();
    const first = edgeview(access, tokens);
    const token = first.edgeview?.token;
    assert.equal(edgeview(access, tokens, first).edgeview?.token, token);
    assert.notEqual(edgeview({ ...access, sessions: 3 }, tokens, first).edgeview?.token, token);
    assert.notEqual(edgeview(access, maker(), first).edgeview?.token, token);
    const raised = edgeview({ ...access, generation: 1 }, tokens, first);
    assert.notEqual(claimsOf(raised)["key"], claimsOf(first)["key"]);
  });

  it("are none where nobody asked for any", () => {
    const tokens = maker();
    assert.equal(edgeview(undefined, tokens, edgeview(access, tokens)).edgeview, undefined);
  });
});
