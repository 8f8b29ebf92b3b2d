"""Python's client library against a system of ours: the kubeconfig and a Pod that runs are the arguments."""

import json
import sys

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.stream import stream

config.load_kube_config(config_file=sys.argv[1])
pod = sys.argv[2]
space = "default"
core = client.CoreV1Api()
apps = client.AppsV1Api()

made = core.create_namespaced_config_map(
    space, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="py"), data={"a": "1"})
)
assert made.metadata.uid
patched = core.patch_namespaced_config_map("py", space, {"data": {"b": "2"}})
assert patched.data == {"a": "1", "b": "2"}, patched.data

seen = []
watcher = watch.Watch()
core.delete_namespaced_config_map("py", space)
for event in watcher.stream(
    core.list_namespaced_config_map,
    space,
    resource_version=made.metadata.resource_version,
    timeout_seconds=30,
):
    seen.append((event["type"], event["object"].metadata.name))
    if event["type"] == "DELETED":
        watcher.stop()
assert seen == [("MODIFIED", "py"), ("DELETED", "py")], seen

try:
    core.read_namespaced_config_map("py", space)
    raise AssertionError("a ConfigMap outlived its deletion")
except ApiException as error:
    assert error.status == 404, error

said = stream(
    core.connect_get_namespaced_pod_exec, pod, space, command=["echo", "here"], stdout=True, stderr=True
)
assert said == "here\n", said
assert "hello: " in core.read_namespaced_pod_log(pod, space)

dynamic_client = dynamic.DynamicClient(client.ApiClient())
nodes = dynamic_client.resources.get(api_version="selvedge.dev/v1alpha1", kind="EdgeNode")
assert [node.metadata.name for node in nodes.get().items] == ["node-1"]
maps = dynamic_client.resources.get(api_version="v1", kind="ConfigMap")
body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dyn"}, "data": {"a": "1"}}
# It takes no object for this content type, but its text.
applied = maps.server_side_apply(body=json.dumps(body), namespace=space, name="dyn", field_manager="py")
assert applied.data.a == "1"
maps.delete(name="dyn", namespace=space)

assert [one.metadata.name for one in apps.list_namespaced_daemon_set(space).items] == ["hello"]
assert client.VersionApi().get_code().major == "1"
print("all is well")
