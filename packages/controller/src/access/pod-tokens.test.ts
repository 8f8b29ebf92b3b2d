import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { decodeProtectedHeader, type JWTPayload, jwtVerify } from "jose";
import { ManualClock } from "../../test/manual-clock.ts";
import { PodTokens, secondsOfMounted, type TokenAsked, type TokenSubject } from "./pod-tokens.ts";

const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const issuer = "https://api";
const subject: TokenSubject = {
  namespace: "shop",
  account: { name: "till", uid: "u1" },
  pod: { name: "till-0", uid: "u2" },
  node: { name: "box", uid: "u3" },
};
const hour = 3600;

async function claimsOf(token: string, at: number): Promise<JWTPayload> {
  const rules = { issuer, algorithms: ["ES256"], currentDate: new Date(at) };
  return (await jwtVerify(token, createPublicKey(key), rules)).payload;
}

describe("a token of a Pod", () => {
  const clock = new ManualClock();
  const make = (asked: TokenAsked, of = subject): ReturnType<PodTokens["make"]> =>
    new PodTokens({ key, issuer, clock }).make(of, asked);

  it("says whose it is, by a signature that others can check", async () => {
    const { token } = make({});
    const claims = await claimsOf(token, clock.now());
    assert.equal(claims.sub, "system:serviceaccount:shop:till");
    assert.deepEqual(claims.aud, [issuer]);
    assert.deepEqual(claims["kubernetes.io"], {
      ...{ namespace: "shop", node: subject.node, pod: subject.pod },
      serviceaccount: subject.account,
    });
    assert.match(claims.jti ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(decodeProtectedHeader(token).kid ?? "", /^.{40,}$/);
  });

  const rows: readonly (readonly [what: string, asked: TokenAsked, life: number, span: number])[] = [
    ["as long as was asked, and is renewed before it ends", { expirationSeconds: 600 }, 600, 480],
    ["an hour when nobody said", {}, hour, 0.8 * hour],
    ["a day when nobody asked for it", { expirationSeconds: secondsOfMounted }, 24 * hour, 69_120],
    ["as asked for another audience", { audience: "vault", expirationSeconds: 3607 }, 3607, 2885],
    ["for long, and is renewed each day", { expirationSeconds: 30 * 24 * hour }, 30 * 24 * hour, 24 * hour],
  ];
  for (const [what, asked, life, span] of rows) {
    it(`is good ${what}`, async () => {
      const { token, renewAt } = make(asked);
      const { iat = 0, exp = 0, aud } = await claimsOf(token, clock.now());
      assert.deepEqual([exp - iat, renewAt - iat * 1000], [life, span * 1000]);
      assert.deepEqual(aud, [asked.audience ?? issuer]);
      assert.ok(clock.now() >= iat * 1000 && clock.now() < renewAt);
    });
  }

  it("is the same at every start until it is renewed, and another's is another", () => {
    const { token, renewAt } = make({ expirationSeconds: 600 });
    assert.equal(make({ expirationSeconds: 600 }).token, token);
    const other = { ...subject, pod: { name: "till-0", uid: "u4" } };
    assert.notEqual(make({ expirationSeconds: 600 }, other).token, token);
    clock.jump(renewAt - clock.now() - 1);
    assert.equal(make({ expirationSeconds: 600 }).token, token);
    clock.jump(1);
    const next = make({ expirationSeconds: 600 });
    assert.notEqual(next.token, token);
    assert.equal(next.renewAt, instant(renewAt + 480_000));
  });
});
