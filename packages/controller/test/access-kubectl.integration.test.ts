/** Stock kubectl and everything about who may do what: roles, bindings, tokens, certificates, impersonation. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { SystemClock } from "@selvedge/base";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { AccessWorld } from "./access-world.ts";

const run = promisify(execFile);

function opensslMissing(): string | false {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "openssl is needed to make requests for certificates";
  }
}

for (const version of ["1.32", "1.35"] as const satisfies readonly KubectlVersion[]) {
  const skip = (await kubectlMissing(version)) || opensslMissing();
  describe(`kubectl ${version} and who may do what`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-access-"));
    let world: AccessWorld;
    let binary = "";
    let admin: string[] = [];

    const call = async (
      access: readonly string[],
      line: string,
    ): Promise<{ out: string; err: string; code: number }> => {
      const words = line.match(/(?:'[^']*'|[^\s'])+/g)?.map((word) => word.replaceAll("'", "")) ?? [];
      const common = [
        "--kubeconfig=/dev/null",
        `--server=https://127.0.0.1:${world.port}`,
        "--insecure-skip-tls-verify",
      ];
      const options = { env: { ...process.env, HOME: folder }, timeout: 60_000 };
      try {
        const { stdout, stderr } = await run(binary, [...common, ...access, ...words], options);
        return { out: stdout, err: stderr, code: 0 };
      } catch (error) {
        const {
          stdout = "",
          stderr = "",
          code,
        } = error as { stdout?: string; stderr?: string; code?: number };
        return { out: stdout, err: stderr, code: code ?? -1 };
      }
    };
    const ok = async (line: string, access: readonly string[] = admin): Promise<string> => {
      const { out, err, code } = await call(access, line);
      assert.equal(code, 0, `kubectl ${line}: ${err}`);
      return out;
    };
    const refused = async (line: string, access: readonly string[] = admin): Promise<string> => {
      const { out, err, code } = await call(access, line);
      assert.notEqual(code, 0, `kubectl ${line}: ${out}`);
      return err;
    };
    const certified = async (user: string, ...groups: string[]): Promise<string[]> => {
      const { cert, key } = await world.certify(user, ...groups);
      const path = (end: string): string => join(folder, `${user}.${end}`);
      writeFileSync(path("pem"), cert);
      writeFileSync(path("key"), key);
      return [`--client-certificate=${path("pem")}`, `--client-key=${path("key")}`];
    };
    const as = (user: string): string[] => [...admin, `--as=${user}`];

    before(async () => {
      binary = (await kubectl(version)) ?? "";
      world = await AccessWorld.start(new SystemClock());
      admin = await certified("root", "system:masters");
      await ok("create namespace shop");
    });
    after(async () => {
      await world[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    it("makes roles and bindings and shows them", async () => {
      assert.match(
        await ok("create role reader --verb=get,list --resource=pods,pods/log -n shop"),
        /role.*created/,
      );
      await ok(
        "create role one --verb=get --resource=configmaps --resource-name=a --resource-name=b -n shop",
      );
      await ok(
        "create clusterrole metrics --verb=get --non-resource-url=/metrics --non-resource-url='/logs/*'",
      );
      await ok("create clusterrole sum --aggregation-rule=add-to-sum=true");
      await ok(
        "create rolebinding readers --role=reader --user=rita --group=devs --serviceaccount=shop:robot -n shop",
      );
      await ok("create clusterrolebinding measurers --clusterrole=metrics --user=mia");
      const bindings = await ok("get rolebinding -n shop -o wide --no-headers");
      assert.match(bindings, /^readers\s+Role\/reader\s+\d+s\s+rita\s+devs\s+shop\/robot\s*$/m);
      assert.match(await ok("get roles -n shop"), /^NAME\s+CREATED AT\none\s+20\d\d-\S+Z\nreader\s/);
      const described = await ok("describe role reader -n shop");
      assert.match(described, /pods\/log\s+\[\]\s+\[\]\s+\[get list\]/);
      assert.match(
        await ok("describe clusterrolebinding measurers"),
        /Kind:\s+ClusterRole\n\s+Name:\s+metrics/,
      );
    });

    it("lets each do what they may, and says what they may not", async () => {
      await ok("get pods -n shop", as("rita"));
      assert.equal(
        await refused("get secrets -n shop", as("rita")),
        'Error from server (Forbidden): secrets is forbidden: User "rita" cannot list resource "secrets" in ' +
          'API group "" in the namespace "shop"\n',
      );
      assert.equal(
        await refused("get --raw /metrics", as("rita")),
        'Error from server (Forbidden): forbidden: User "rita" cannot get path "/metrics"\n',
      );
      assert.match(await refused("get --raw /logs/x", as("mia")), /NotFound/);
      assert.match(await refused("get pods", [...admin, "--as-group=x"]), /./);
    });

    it("answers auth can-i, with and without --list, for oneself and for others", async () => {
      assert.equal(await ok("auth can-i list pods -n shop", as("rita")), "yes\n");
      assert.match((await call(as("rita"), "auth can-i delete pods -n shop")).out, /^no\n/);
      assert.equal(await ok("auth can-i get pods/web --subresource=log -n shop", as("rita")), "yes\n");
      assert.equal(await ok("auth can-i get /metrics", as("mia")), "yes\n");
      assert.equal(await ok("auth can-i '*' '*' --all-namespaces"), "yes\n");
      const list = await ok("auth can-i --list -n shop", as("rita"));
      assert.match(list, /^pods\/log\s+\[\]\s+\[\]\s+\[get list\]$/m);
      assert.match(list, /^selfsubjectreviews\.authentication\.k8s\.io\s+\[\]\s+\[\]\s+\[create\]$/m);
      assert.match(list, /\[\/healthz\]\s+\[\]\s+\[get\]/);
      const who = await ok("auth whoami -o json", [...as("rita"), "--as-group=devs", "--as-uid=7"]);
      assert.deepEqual(JSON.parse(who).status.userInfo, {
        ...{ username: "rita", uid: "7", groups: ["devs", "system:authenticated"] },
      });
      assert.match(await ok("auth whoami"), /Username\s+root/);
    });

    it("reconciles roles", async () => {
      const file = join(folder, "roles.yaml");
      const role = (verbs: string): string =>
        `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: kept, namespace: made}\n` +
        `rules:\n- {apiGroups: [""], resources: [pods], verbs: [${verbs}]}\n`;
      writeFileSync(file, role("get"));
      assert.match(await ok(`auth reconcile -f ${file}`), /role.*kept reconciled/);
      writeFileSync(file, role("watch"));
      await ok(`auth reconcile -f ${file}`);
      const rules = JSON.parse(await ok("get role kept -n made -o json")).rules;
      assert.equal(rules.length, 2);
      await ok(`auth reconcile --remove-extra-permissions -f ${file}`);
      assert.deepEqual(JSON.parse(await ok("get role kept -n made -o json")).rules, [
        { apiGroups: [""], resources: ["pods"], verbs: ["watch"] },
      ]);
    });

    it("adds up roles that are summed", async () => {
      await ok("create clusterrole part --verb=get --resource=nodes");
      await ok("label clusterrole part add-to-sum=true");
      await world.until(async () => (await ok("get clusterrole sum -o json")).includes('"nodes"'));
      await ok("label clusterrole part add-to-sum-");
      await world.until(async () => !(await ok("get clusterrole sum -o json")).includes('"nodes"'));
      // What is edited by hand is put right.
      await ok(
        `patch clusterrole sum --type=merge -p '{"rules":[{"apiGroups":[""],"resources":["x"],"verbs":["get"]}]}'`,
      );
      await world.until(async () => !(await ok("get clusterrole sum -o json")).includes('"x"'));
      const view = await ok("get clusterrole admin -o json");
      for (const resource of ["pods/log", "secrets", "rolebindings"])
        assert.ok(view.includes(`"${resource}"`), resource);
    });

    it("lets nobody give away what they do not have", async () => {
      await ok(
        "create clusterrole binder --verb=create,update,patch --resource=roles,rolebindings,clusterroles",
      );
      await ok("create clusterrolebinding binder --clusterrole=binder --user=ben");
      const error = await refused("create role more --verb=get --resource=secrets -n shop", as("ben"));
      assert.equal(
        error,
        'Error from server (Forbidden): roles.rbac.authorization.k8s.io "more" is forbidden: user "ben" ' +
          '(groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
          '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}\n',
      );
      await ok("create role same --verb=create --resource=roles -n shop", as("ben"));
      const bound = await refused("create rolebinding more --clusterrole=edit --user=ben -n shop", as("ben"));
      assert.match(bound, /rolebindings.rbac.authorization.k8s.io "more" is forbidden: user "ben"/);
      const missing = await refused("create rolebinding more --role=nowhere --user=ben -n shop", as("ben"));
      assert.match(missing, /: role.rbac.authorization.k8s.io "nowhere" not found/);
      await ok("create clusterrole may-bind --verb=bind --resource=clusterroles --resource-name=edit");
      await ok("create clusterrolebinding may-bind --clusterrole=may-bind --user=ben");
      await ok("create rolebinding more --clusterrole=edit --user=ben -n shop", as("ben"));
      const changed = await refused(
        `patch rolebinding more -n shop --type=merge -p '{"roleRef":{"name":"view"}}'`,
      );
      assert.match(changed, /roleRef: Invalid value: .*: cannot change roleRef/);
    });

    it("makes tokens of ServiceAccounts that are good for what was asked", async () => {
      await ok("create serviceaccount robot -n shop");
      const token = (await ok("create token robot -n shop --duration=10m")).trim();
      const robot = [`--token=${token}`];
      assert.match(await ok("auth whoami", robot), /system:serviceaccounts:shop/);
      const review = join(folder, "review.json");
      const asked = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
      writeFileSync(review, JSON.stringify(asked));
      const { status } = JSON.parse(await ok(`create -f ${review} -o json`));
      assert.deepEqual(
        [status.authenticated, status.error, status.user.username],
        [true, undefined, "system:serviceaccount:shop:robot"],
      );
      await ok("get pods -n shop", robot);
      assert.match(
        await refused("get pods -n default", robot),
        /User "system:serviceaccount:shop:robot" cannot list/,
      );
      const vault = [`--token=${(await ok("create token robot -n shop --audience=vault")).trim()}`];
      assert.match(await refused("get pods -n shop", vault), /Unauthorized|must be logged in/);
      const short = await refused("create token robot -n shop --duration=9m");
      assert.match(
        short,
        /expirationSeconds: Invalid value: 540: may not specify a duration less than 10 minutes/,
      );
      await ok("create secret generic holder -n shop");
      const uid = (await ok("get secret holder -n shop -o 'jsonpath={.metadata.uid}'")).trim();
      const bind = `--bound-object-kind=Secret --bound-object-name=holder --bound-object-uid=${uid}`;
      const held = [`--token=${(await ok(`create token robot -n shop ${bind}`)).trim()}`];
      await ok("get pods -n shop", held);
      await ok("delete secret holder -n shop");
      assert.match(await refused("get pods -n shop", held), /Unauthorized|must be logged in/);
      await ok("delete serviceaccount robot -n shop");
      assert.match(await refused("get pods -n shop", robot), /Unauthorized|must be logged in/);
    });

    it("puts a token into a Secret that was made for one, and ends it with the Secret", async () => {
      await ok("create serviceaccount cd -n shop");
      const file = join(folder, "secret.yaml");
      const annotations = "{kubernetes.io/service-account.name: cd}";
      writeFileSync(
        file,
        `apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\n` +
          `metadata: {name: cd, namespace: shop, annotations: ${annotations}}\n`,
      );
      await ok(`apply -f ${file}`);
      const field = (name: string): Promise<string> =>
        ok(`get secret cd -n shop -o 'jsonpath={.data.${name}}'`);
      await world.until(async () => (await field("token")) !== "");
      const token = Buffer.from(await field("token"), "base64").toString();
      assert.match(Buffer.from(await field("ca\\.crt"), "base64").toString(), /BEGIN CERTIFICATE/);
      const cd = [`--token=${token}`];
      assert.match(await ok("auth whoami", cd), /system:serviceaccount:shop:cd/);
      await ok("delete serviceaccount cd -n shop");
      assert.match(await refused("auth whoami", cd), /Unauthorized|must be logged in/);
      await world.until(async () => (await call(admin, "get secret cd -n shop")).code !== 0);
    });

    it("signs certificates that were approved, which are then good for their bearer", async () => {
      const [key, csr] = [join(folder, "carl.key"), join(folder, "carl.csr")];
      const words = "req -new -newkey rsa:2048 -nodes -subj /O=devs/CN=carl".split(" ");
      execFileSync("openssl", [...words, "-keyout", key, "-out", csr], { stdio: "ignore" });
      const request = (name: string, usages: string): string => {
        const file = join(folder, `${name}.yaml`);
        const pem = readFileSync(csr).toString("base64");
        const signer = "kubernetes.io/kube-apiserver-client";
        const spec = `{request: ${pem}, signerName: ${signer}, usages: [${usages}]}`;
        writeFileSync(
          file,
          `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\n` +
            `metadata: {name: ${name}}\nspec: ${spec}\n`,
        );
        return file;
      };
      await ok(`apply -f ${request("carl", "client auth, digital signature")}`);
      assert.match(
        await ok("get csr carl --no-headers"),
        /kubernetes.io\/kube-apiserver-client\s+root\s+<none>\s+Pending/,
      );
      assert.match(await refused("certificate approve carl", as("rita")), /forbidden/);
      assert.match(await ok("certificate approve carl"), /carl approved/);
      await world.until(async () => (await ok("get csr carl --no-headers")).includes("Approved,Issued"));
      const signed = await ok("get csr carl -o 'jsonpath={.status.certificate}'");
      const cert = join(folder, "carl.pem");
      writeFileSync(cert, Buffer.from(signed, "base64"));
      const carl = [`--client-certificate=${cert}`, `--client-key=${key}`];
      assert.deepEqual(JSON.parse(await ok("auth whoami -o json", carl)).status.userInfo.groups, [
        ...["devs", "system:authenticated"],
      ]);
      await ok("get pods -n shop", carl);

      await ok(`apply -f ${request("denied", "client auth")}`);
      await ok("certificate deny denied");
      assert.match(await ok("get csr denied --no-headers"), /Denied\s*$/m);
      assert.match(await refused("certificate approve denied"), /mutually exclusive|already/i);
      await ok(`apply -f ${request("server", "client auth, server auth")}`);
      await ok("certificate approve server");
      await world.until(async () => (await ok("get csr server --no-headers")).includes("Approved,Failed"));
    });

    it("gives each namespace its account and the server's certificate", async () => {
      await ok("create namespace fresh");
      await world.until(async () => (await ok("get sa,cm -n fresh -o name")).split("\n").length === 3);
      assert.equal(
        await ok("get sa,cm -n fresh -o name"),
        "serviceaccount/default\nconfigmap/kube-root-ca.crt\n",
      );
      await ok("delete sa default -n fresh");
      await world.until(async () => (await ok("get sa -n fresh -o name")).includes("default"));
      const root = (): Promise<string> => ok("get cm -n fresh -o 'jsonpath={.items[*].data.ca\\.crt}'");
      const certificate = await root();
      assert.match(certificate, /BEGIN CERTIFICATE/);
      await ok("delete cm kube-root-ca.crt -n fresh");
      await world.until(async () => (await root()) === certificate);
      await ok(`patch cm kube-root-ca.crt -n fresh --type=merge -p '{"data":{"ca.crt":"other"}}'`);
      await world.until(async () => (await root()) === certificate);
      await ok("delete namespace fresh --wait=false");
    });
  });
}
