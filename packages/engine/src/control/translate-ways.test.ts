import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { config, type netinst } from "@selvedge/eve-api";
import { translateNetworks } from "./translate-networks.ts";

const network = (route: MessageInitShape<typeof netinst.IPRouteSchema>) =>
  translateNetworks(
    create(config.EdgeDevConfigSchema, {
      networkInstances: [
        {
          uuidandversion: { uuid: "11111111-1111-4111-8111-111111111111" },
          ...{ instType: 2, activate: true, port: { name: "out" }, ip: { subnet: "10.1.0.0/24" } },
          staticRoutes: [{ destinationNetwork: "0.0.0.0/0", port: "out", ...route }],
        },
      ],
    }),
  )[0] ?? assert.fail("no network");
const probe = (probeMethod: number, host = "", port = 0): object => ({
  probe: { customProbe: { probeMethod, probeEndpoint: { host, port } } },
});

describe("a way's probe", () => {
  const rows: readonly (readonly [object, object | undefined])[] = [
    [{}, undefined],
    [{ probe: { enableGwPing: true, gwPingMaxCost: 5 } }, { gatewayMaxCost: 5 }],
    [
      { preferLowerCost: true, preferStrongerWwanSignal: true },
      { cheapest: true, strongest: true },
    ],
    [probe(1), { remote: { method: "icmp", host: "8.8.8.8" } }],
    [probe(1, "203.0.113.1"), { remote: { method: "icmp", host: "203.0.113.1" } }],
    [probe(2, "time.example", 443), { remote: { method: "tcp", host: "time.example", port: 443 } }],
    [probe(0, "ignored"), undefined],
    [{ port: "", gateway: "10.1.0.7", preferLowerCost: true }, undefined],
  ];
  for (const [said, choice] of rows)
    it(`is ${JSON.stringify(choice)} of ${JSON.stringify(said)}`, () => {
      const { routes, fault } = network(said);
      assert.deepEqual([routes?.[0]?.choice, fault], [choice, undefined]);
    });

  const faults: readonly (readonly [RegExp, object])[] = [
    [/static_routes\[0\]\.probe\.custom_probe\.probe_method: 7 is neither/, probe(7)],
    [/probe_endpoint\.host: say whom/, probe(2, "", 80)],
    [/probe_endpoint\.host: "-I" is nobody/, probe(1, "-I")],
    [/probe_endpoint\.host: "2001:db8::1" is nobody/, probe(1, "2001:db8::1")],
    [/probe_endpoint\.port: 0 is not/, probe(2, "203.0.113.1")],
    [/probe_endpoint\.port: 65536 is not/, probe(2, "203.0.113.1", 65_536)],
  ];
  for (const [why, said] of faults)
    it(`is a fault of its network alone: ${why.source}`, () => assert.match(network(said).fault ?? "", why));
});
