/** The example app: a page that says where it is served from, by the few programs of Debian's busybox. */
import type { RunConfig } from "./image-config.ts";
import { busyboxEntries, type LayerEntry, textFile } from "./layer-source.ts";
import type { ImageSource } from "./oci-layout.ts";

/** Asked for each time, so that the uptime on the page is the app's at that moment. */
const page = `#!/bin/sh
read -r uptime _ </proc/uptime
# The node's own probe asks every other second; the log is for visitors.
case $HTTP_USER_AGENT in
  kube-probe*) ;;
  *) echo "hello: page for \${HTTP_USER_AGENT:-somebody}" >&2 ;;
esac
printf 'Content-Type: text/html; charset=utf-8\\r\\nCache-Control: no-store\\r\\n\\r\\n'
cat <<END
<!doctype html>
<title>Hello from the edge</title>
<h1>Hello from \${NODE_NAME:-a node without a name}</h1>
<p>This page is served by <b>$(hostname)</b>, a virtual machine of its own, up for \${uptime%.*} seconds.</p>
<p>Its kernel is $(uname -sr) on $(uname -m). The node accepts no connection: you came through the controller.</p>
END
`;

const start = `#!/bin/sh
echo "hello: serving on port \${PORT:-8080} of $(hostname), node \${NODE_NAME:-unknown}"
# The first process of a container is sent nothing it does not ask for: asked to stop, httpd alone would not.
httpd -f -p "\${PORT:-8080}" -h /www &
trap 'kill $!; exit 0' TERM INT
wait $!
`;

export const demoReference = "selvedge.internal/hello:1";

export function demoImage(architecture: string): ImageSource {
  const run: RunConfig = {
    entrypoint: ["/bin/hello"],
    cmd: [],
    env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PORT=8080"],
    user: "",
    workingDir: "/",
    labels: { "org.opencontainers.image.title": "hello" },
    architecture,
  };
  return { layers: [busyboxEntries(), demoEntries()], run, name: "hello:1" };
}

async function* demoEntries(): AsyncGenerator<LayerEntry> {
  yield textFile("bin/hello", 0o755, start);
  yield { kind: "folder", path: "www", mode: 0o755 };
  yield { kind: "folder", path: "www/cgi-bin", mode: 0o755 };
  yield textFile("www/cgi-bin/index.cgi", 0o755, page);
}
