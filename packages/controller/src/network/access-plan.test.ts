import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Namespace, NetworkPolicy, NetworkPolicySpec, Pod } from "@selvedge/kinds";
import { networkPolicyKind } from "@selvedge/kinds";
import { accessPlan, openingsMax } from "./access-plan.ts";
import { type Opening, tidied, without } from "./openings.ts";
import { distantFindings, plainFindings } from "./policy-findings.ts";

const pod = (name: string, podIP: string, more: Partial<Pod["metadata"]> = {}): Pod => ({
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name, uid: name, namespace: "shop", labels: { app: name }, ...more },
  spec: {
    containers: [
      {
        ...{ name: "main", image: "x" },
        ports: [
          { name: "http", containerPort: name === "web" ? 8080 : 9090 },
          { name: "dns", containerPort: 53, protocol: "UDP" },
        ],
      },
    ],
  },
  status: podIP === "" ? {} : { podIP },
});
const web = pod("web", "10.77.0.10");
const over = pod("over", "10.77.0.20");
over.status = { phase: "Succeeded", podIP: "10.77.0.20" };
const pods = [
  ...[web, pod("db", "10.77.0.11"), pod("cache", "10.77.0.12"), pod("new", ""), over],
  pod("db-of-lab", "10.77.0.13", { namespace: "lab", labels: { app: "db" } }),
];
const namespaces: Readonly<Record<string, Record<string, string>>> = {
  shop: { "kubernetes.io/metadata.name": "shop" },
  lab: { "kubernetes.io/metadata.name": "lab", team: "r" },
};
const namespace = (name: string): Namespace | undefined => ({
  ...{ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: namespaces[name] ?? {} } },
});

/** As the API server keeps it. */
function policy(name: string, spec: NetworkPolicySpec, home = "shop"): NetworkPolicy {
  const made: NetworkPolicy = {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: home } },
    spec: structuredClone(spec),
  };
  networkPolicyKind.applyDefaults?.(made);
  return made;
}

function text(openings: readonly Opening[] | undefined): string[] | undefined {
  return openings?.map(({ remote = "*", protocol = "*", ports }) => {
    const range = ports && (ports.first === ports.last ? ` ${ports.first}` : ` ${ports.first}-${ports.last}`);
    return `${remote} ${protocol}${range ?? ""}`;
  });
}

const app = (name: string): { podSelector: { matchLabels: Record<string, string> } } => ({
  podSelector: { matchLabels: { app: name } },
});
const block = (cidr: string, ...except: string[]): { ipBlock: { cidr: string; except?: string[] } } => ({
  ipBlock: { cidr, ...(except.length > 0 && { except }) },
});
const open = undefined;

/** What is said, what comes in, what goes out. */
const rows: readonly (readonly [string, NetworkPolicySpec[], string[] | undefined, string[] | undefined])[] =
  [
    ["no policy is about it", [], open, open],
    ["another's policy is not", [{ ...app("db"), ingress: [{}] }], open, open],
    ["nothing comes in", [{ podSelector: {} }], [], open],
    ["nothing goes out", [{ podSelector: {}, policyTypes: ["Egress"] }], open, []],
    ["neither", [{ podSelector: {}, policyTypes: ["Ingress", "Egress"] }], [], []],
    ["everybody comes in", [{ podSelector: {}, ingress: [{}] }], ["* *"], open],
    ["everything goes out", [{ podSelector: {}, egress: [{}], policyTypes: ["Egress"] }], open, ["* *"]],
    ["what is not in policyTypes is not said", [{ ingress: [{}], policyTypes: ["Egress"] }], open, []],
    ["egress alone closes ingress too", [{ egress: [{ to: [app("db")] }] }], [], ["10.77.0.11/32 *"]],
    ["Pods of its namespace", [{ ingress: [{ from: [app("db")] }] }], ["10.77.0.11/32 *"], open],
    [
      "all of them, but those that ended, have no address, or are it",
      [{ ingress: [{ from: [{ podSelector: {} }] }] }],
      ["10.77.0.11/32 *", "10.77.0.12/32 *"],
      open,
    ],
    [
      "Pods of other namespaces",
      [{ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "r" } } }] }] }],
      ["10.77.0.13/32 *"],
      open,
    ],
    [
      "both selectors of one peer must fit",
      [{ ingress: [{ from: [{ ...app("db"), namespaceSelector: { matchLabels: { team: "r" } } }] }] }],
      ["10.77.0.13/32 *"],
      open,
    ],
    [
      "of two peers either",
      [{ ingress: [{ from: [app("cache"), { namespaceSelector: { matchLabels: { team: "r" } } }] }] }],
      ["10.77.0.12/32 *", "10.77.0.13/32 *"],
      open,
    ],
    [
      "all namespaces",
      [{ ingress: [{ from: [{ namespaceSelector: {}, ...app("db") }] }] }],
      ["10.77.0.11/32 *", "10.77.0.13/32 *"],
      open,
    ],
    [
      "expressions",
      [
        {
          ingress: [
            {
              from: [
                { podSelector: { matchExpressions: [{ key: "app", operator: "NotIn", values: ["db"] }] } },
              ],
            },
          ],
        },
      ],
      ["10.77.0.12/32 *"],
      open,
    ],
    ["nobody there fits", [{ ingress: [{ from: [app("gone")] }] }], [], open],
    ["a range", [{ ingress: [{ from: [block("192.0.2.7/24")] }] }], ["192.0.2.0/24 *"], open],
    [
      "a range but for a part of it",
      [{ egress: [{ to: [block("192.0.2.0/24", "192.0.2.64/26")] }], policyTypes: ["Egress"] }],
      open,
      ["192.0.2.0/26 *", "192.0.2.128/25 *"],
    ],
    [
      "what one rule leaves out, another may let through",
      [{ ingress: [{ from: [block("10.0.0.0/8", "10.77.0.0/16"), app("db")] }] }],
      [
        ...["10.0.0.0/10 *", "10.64.0.0/13 *", "10.72.0.0/14 *", "10.76.0.0/16 *", "10.77.0.11/32 *"],
        ...["10.78.0.0/15 *", "10.80.0.0/12 *", "10.96.0.0/11 *", "10.128.0.0/9 *"],
      ],
      open,
    ],
    [
      "the other family of addresses, which apps do not have",
      [{ ingress: [{ from: [block("fd00::/8")] }] }],
      [],
      open,
    ],
    ["a port", [{ ingress: [{ ports: [{ port: 80 }] }] }], ["* tcp 80"], open],
    ["a range of ports", [{ ingress: [{ ports: [{ port: 80, endPort: 90 }] }] }], ["* tcp 80-90"], open],
    ["a protocol", [{ ingress: [{ ports: [{ protocol: "UDP" }] }] }], ["* udp"], open],
    ["a port by its own name of it", [{ ingress: [{ ports: [{ port: "http" }] }] }], ["* tcp 8080"], open],
    [
      "by the protocol's, too",
      [{ ingress: [{ ports: [{ port: "dns", protocol: "UDP" }] }] }],
      ["* udp 53"],
      open,
    ],
    ["a name of the other protocol is none", [{ ingress: [{ ports: [{ port: "dns" }] }] }], [], open],
    [
      "going out, a name is that of each Pod it asks",
      [
        {
          egress: [{ to: [app("db"), block("192.0.2.0/24")], ports: [{ port: "http" }] }],
          policyTypes: ["Egress"],
        },
      ],
      open,
      ["10.77.0.11/32 tcp 9090"],
    ],
    [
      "policies add up",
      [{ podSelector: {} }, { ingress: [{ from: [app("db")] }] }, { ingress: [{ ports: [{ port: 80 }] }] }],
      ["10.77.0.11/32 *", "* tcp 80"],
      open,
    ],
    [
      "what a wider one lets through is said once",
      [{ ingress: [{ from: [app("db")], ports: [{ port: 80 }] }] }, { ingress: [{ ports: [{ port: 80 }] }] }],
      ["* tcp 80"],
      open,
    ],
    ["everything leaves nothing to say", [{ ingress: [{ ports: [{ port: 80 }] }, {}] }], ["* *"], open],
  ];

describe("what policies let a Pod say and hear", () => {
  for (const [what, specs, ingress, egress] of rows)
    it(what, () => {
      const policies = specs.map((spec, at) => policy(`p${at}`, spec));
      const plan = accessPlan(web, { pods, policies, namespace });
      assert.deepEqual([text(plan.ingress), text(plan.egress), plan.tooMany], [ingress, egress, 0]);
      const turned = { pods: pods.toReversed(), policies: policies.toReversed(), namespace };
      assert.deepEqual(text(accessPlan(web, turned).ingress), ingress, "in whatever order they come");
    });

  it("a policy is about Pods of its own namespace", () => {
    const policies = [policy("p", { podSelector: {} }, "lab")];
    assert.equal(accessPlan(web, { pods, policies, namespace }).ingress, undefined);
  });

  it("has a bound, and denies what is beyond it", () => {
    const many = Array.from({ length: openingsMax + 5 }, (_, at) => block(`192.0.2.${at}/32`));
    const policies = [policy("p", { ingress: [{ from: many }] })];
    const plan = accessPlan(web, { pods, policies, namespace });
    assert.deepEqual([plan.ingress?.length, plan.tooMany], [openingsMax, 5]);
  });
});

describe("ranges", () => {
  for (const [cidr, except, left] of [
    ["10.0.0.0/8", [], ["10.0.0.0/8"]],
    ["0.0.0.0/0", ["128.0.0.0/1"], ["0.0.0.0/1"]],
    ["192.0.2.0/30", ["192.0.2.1/32", "192.0.2.2/32"], ["192.0.2.0/32", "192.0.2.3/32"]],
    ["192.0.2.0/24", ["192.0.2.0/24"], []],
    ["192.0.2.0/24", ["198.51.100.0/24"], ["192.0.2.0/24"]],
  ] as const)
    it(`${cidr} without ${except.join(" and ") || "nothing"}`, () =>
      assert.deepEqual(without(cidr, except), left));

  it("within others are dropped, those of other ports kept", () => {
    const by = "p";
    const list = tidied([
      { by, remote: "10.1.0.0/16" },
      { by, remote: "10.0.0.0/8" },
      { by, remote: "10.0.0.0/8", protocol: "tcp", ports: { first: 80, last: 80 } },
      { by, remote: "11.0.0.0/8" },
    ]);
    assert.deepEqual(text(list), ["10.0.0.0/8 *", "11.0.0.0/8 *", "10.0.0.0/8 tcp 80"]);
  });
});

describe("what of a policy nodes cannot keep", () => {
  const ports = [{ port: "http" }];
  const rows: readonly (readonly [string, NetworkPolicySpec, RegExp | undefined])[] = [
    ["nothing", { ingress: [{ from: [block("192.0.2.0/24")], ports }] }, undefined],
    ["IPv6", { ingress: [{ from: [block("fd00::/8")] }] }, /^spec\.ingress\[0\]\.from\[0\].* IPv4 only/],
    [
      "what policyTypes leave out",
      { policyTypes: ["Egress"], ingress: [{ from: [block("fd00::/8")] }] },
      undefined,
    ],
    [
      "names of ports at addresses",
      { egress: [{ to: [app("db"), block("192.0.2.0/24")], ports }] },
      /^spec\.egress\[0\]\.to\[1\]\.ipBlock: addresses have no port named "http"; write its number/,
    ],
  ];
  for (const [what, spec, said] of rows)
    it(`tells whoever writes it: ${what}`, () => {
      const findings = plainFindings(policy("p", spec));
      assert.equal(findings.length, said === undefined ? 0 : 1);
      if (said !== undefined) assert.match(findings[0] ?? "", said);
    });

  it("is who runs elsewhere", () => {
    const on = (pod: Pod, nodeName: string): Pod => ({ ...pod, spec: { ...pod.spec, nodeName } });
    const spec = { ...app("web"), egress: [{ to: [app("db"), app("cache"), block("192.0.2.0/24")] }] };
    const found = (dbNode: string): string[] => {
      const [first = web, db = web, ...rest] = pods;
      const placed = [on(first, "a"), on(db, dbNode), ...rest];
      return distantFindings(policy("p", spec), { pods: placed, namespace }).map(
        (it) => it.split(":")[0] ?? "",
      );
    };
    assert.deepEqual(found("a"), []);
    assert.deepEqual(found("b"), ["spec.egress[0].to[0]"]);
  });
});
