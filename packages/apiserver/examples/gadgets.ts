import { readFileSync } from "node:fs";
import type { KindDefinition } from "@selvedge/apimachinery";
import { ApiServer, hashedTokens, ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { Log, SystemClock, SystemRandom } from "@selvedge/base";

const spec = { type: "object", properties: { size: { type: "integer" } } } as const;
const gadget: KindDefinition = {
  ...{ group: "example.dev", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: false, schema: { type: "object", properties: { spec } }, columns: [] },
};
const [folder = ".", port = "6443"] = process.argv.slice(2);
const clock = new SystemClock();
const log = new Log("gadgets", clock, (record) => console.error(record.message));
const store = new SqliteStore(`${folder}/gadgets.db`);
const objects = new ObjectRegistry([gadget], store, clock, new SystemRandom());
const tls = { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) };
const tokens = hashedTokens({ secret: { name: "you", groups: ["system:masters"] } });
const server = new ApiServer({ objects, clock, log, tls, tokens });
console.log(`https://127.0.0.1:${await server.listen(Number(port), "127.0.0.1")}`);
