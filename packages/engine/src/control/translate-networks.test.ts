import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import { translateNetworks } from "./translate-networks.ts";

const uuid = "55555555-5555-4555-8555-555555555555";

describe("a local network", () => {
  it("puts the DHCP range where the router is not", () => {
    const network = ({ subnet = "", ...more }: { subnet?: string }): config.EdgeDevConfig => {
      const ipType = subnet.includes(":") || subnet === "" ? 2 : 1;
      const ip = { subnet, ...more };
      return create(config.EdgeDevConfigSchema, {
        networkInstances: [{ uuidandversion: { uuid }, instType: 2, ipType, ip }],
      });
    };
    const ranges: readonly (readonly [
      { subnet?: string; gateway?: string; dhcpRange?: object },
      readonly string[],
    ])[] = [
      [{ subnet: "10.1.2.3/30" }, ["10.1.2.0/30", "10.1.2.1", "10.1.2.2", "10.1.2.2"]],
      [{ subnet: "10.1.0.0/16" }, ["10.1.0.0/16", "10.1.0.1", "10.1.0.2", "10.1.1.1"]],
      [
        { subnet: "10.1.2.0/24", gateway: "10.1.2.254" },
        ["10.1.2.0/24", "10.1.2.254", "10.1.2.1", "10.1.2.253"],
      ],
      [
        { subnet: "10.1.2.0/24", dhcpRange: { start: "10.1.2.10", end: "10.1.2.20" } },
        ["10.1.2.0/24", "10.1.2.1", "10.1.2.10", "10.1.2.20"],
      ],
      [{ subnet: "FD00:1::5/64" }, ["fd00:1::/64", "fd00:1::1", "fd00:1::2", "fd00:1::101"]],
      [
        { subnet: "fd00:1::/124", gateway: "fd00:1::e" },
        ["fd00:1::/124", "fd00:1::e", "fd00:1::1", "fd00:1::d"],
      ],
    ];
    for (const [ip, expected] of ranges) {
      const [found] = translateNetworks(network(ip));
      assert.deepEqual([found?.subnet, found?.gateway, found?.dhcpFirst, found?.dhcpLast], expected);
    }
    // Who names no prefix of IPv6 is given one of nobody else's, always the same.
    const [own] = translateNetworks(network({}));
    assert.match(own?.subnet ?? "", /^fd[0-9a-f]{2}(:[0-9a-f]{1,4}){2}::\/64$/);
    assert.deepEqual(translateNetworks(network({})), [own]);
  });
});
