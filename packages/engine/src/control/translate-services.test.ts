import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import { translateServices } from "./translate-services.ts";

type Service = MessageInitShape<typeof ext.NodeServiceSchema>;
const id = "11111111-0000-4000-8000-000000000000";
const translated = (more: Service): ReturnType<typeof translateServices> =>
  translateServices(
    create(ext.NodeExtensionSchema, { services: [{ name: "web.shop.svc.cluster.local", ...more }] }),
  );
const port = (more: object): Service => ({ ports: [{ protocol: "tcp", port: 80, ...more }] });

describe("services of a configuration", () => {
  it("are taken as they are", () => {
    const target = { appId: id.toUpperCase(), port: 8080 };
    assert.deepEqual(translated({ address: "10.96.0.9", sticky: true, ...port({ targets: [target] }) }), [
      {
        ...{ name: "web.shop.svc.cluster.local", address: "10.96.0.9", sticky: true, unready: false },
        ports: [{ protocol: "tcp", port: 80, targets: [{ appId: id, port: 8080, hostname: "" }] }],
        members: [],
      },
    ]);
    const [said] = translated(port({ nodePort: 30080, name: "http" }));
    assert.deepEqual([said?.ports[0]?.nodePort, said?.ports[0]?.name], [30080, "http"]);
    assert.equal(translated({ externalName: "plc.example" })[0]?.externalName, "plc.example");
    assert.deepEqual(translateServices(undefined), []);
  });

  const faults: readonly (readonly [RegExp, Service])[] = [
    [/"a\\nb" is not a domain/, { name: "a\nb" }],
    [/"a b" is not a domain/, { externalName: "a b" }],
    [/"x" is not an IPv4 address/, { address: "x" }],
    [/"sctp" is neither tcp nor udp/, port({ protocol: "sctp" })],
    [/0 is not a port/, port({ port: 0 })],
    [/70000 is not a port/, port({ nodePort: 70_000 })],
    [/"a b" is not the name of a port/, port({ name: "a b" })],
    [/70000 is not a port/, port({ targets: [{ appId: id, port: 70_000 }] })],
    [/"x" is not a UUID/, port({ targets: [{ appId: "x", port: 1 }] })],
    [/"" is not an IPv4 address/, port({ targets: [{ port: 1 }] })],
    [/"a.b" is not the name of a host/, { members: [{ appId: id, hostname: "a.b" }] }],
  ];
  for (const [why, service] of faults)
    it(`that are wrong are refused: ${why.source}`, () => assert.throws(() => translated(service), why));
});
