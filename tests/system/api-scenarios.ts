/**
 * An app speaks to the API with the token that it finds: by the name, the address and the certificate that every
 * client in a cluster takes for granted. TLS is made here, over a plain connection that the app opens, so that what
 * the app's network does is all that is between.
 */
import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { connect } from "node:tls";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import type { KubectlSession } from "./kubectl-session.ts";

export interface ApiPlace {
  readonly session: KubectlSession;
  /** An app that runs in the namespace `default`. */
  readonly pod: () => Promise<string>;
}

export const tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

export function describeApi(place: () => ApiPlace): void {
  describe("an app's way to the API", () => {
    it("is a token that lists what its account may see, and nothing else", async () => {
      const { session, pod } = place();
      const name = await pod();
      const read = async (file: string): Promise<string> =>
        await session.ok("exec", name, "--", "cat", `${tokenFolder}/${file}`);
      const [token, ca] = [await read("token"), await read("ca.crt")];
      assert.equal(await read("namespace"), "default");
      const host = (await session.ok("exec", name, "--", "sh", "-c", "echo $KUBERNETES_SERVICE_HOST")).trim();
      assert.equal(
        host,
        await session.ok("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"),
      );
      const list = async (at: string, namespace: string): Promise<Answer> => {
        const way = session.piped("exec", "-i", name, "--", "nc", at, "443");
        const headers = { Authorization: `Bearer ${token}`, Connection: "close" };
        return await ask(way, { at, ca, path: `/api/v1/namespaces/${namespace}/pods`, headers });
      };
      const refused = await list("kubernetes.default.svc", "default");
      assert.equal(refused.code, 403);
      assert.match(refused.body, /User \\"system:serviceaccount:default:default\\" cannot list resource/);
      await session.ok(
        "create",
        "rolebinding",
        "apps",
        "--clusterrole=view",
        "--serviceaccount=default:default",
      );
      try {
        const { body } = await waitFor("the role to count", async () => {
          const answer = await list("kubernetes.default.svc", "default");
          return answer.code === 200 ? answer : undefined;
        });
        const { items } = JSON.parse(body) as { items: { metadata: { name: string } }[] };
        assert.ok(items.some(({ metadata }) => metadata.name === name));
        assert.equal((await list(host, "default")).code, 200, "by the address");
        assert.equal((await list("kubernetes", "kube-system")).code, 403, "elsewhere");
      } finally {
        await session.ok("delete", "rolebinding", "apps");
      }
    });
  });
}

export interface Answer {
  readonly code: number | undefined;
  readonly body: string;
}

export interface Asked {
  readonly at: string;
  readonly ca: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Over a connection to the API, whoever made it. */
export async function ask(way: Duplex, { at, ca, path, headers }: Asked): Promise<Answer> {
  // An address is no name of TLS, and is looked for in the certificate all the same.
  const name = /^[\d.]+$/.test(at) ? {} : { servername: at };
  const socket = connect({ socket: way, ca, host: at, ...name });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  socket.on("error", reject);
  request({ createConnection: () => socket, path, headers: { Host: at, ...headers } }, resolve)
    .on("error", reject)
    .end();
  try {
    const response = await promise;
    return { code: response.statusCode, body: await text(response) };
  } finally {
    way.destroy();
  }
}
