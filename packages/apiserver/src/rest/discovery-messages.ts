/** The protobuf tables of discovery's documents, legacy and aggregated. */
import {
  listMetaMessage,
  objectMetaMessage,
  type ProtobufField,
  type ProtobufMessage,
} from "@selvedge/apimachinery";

const text = (name: string): ProtobufField => ({ name, type: "string" });
const texts = (name: string): ProtobufField => ({ name, type: "string", repeated: true });
const part = (name: string, message: ProtobufMessage): ProtobufField => ({ name, type: "message", message });
const parts = (name: string, message: ProtobufMessage): ProtobufField => ({
  ...part(name, message),
  repeated: true,
});
const maybe = (name: string, message: ProtobufMessage): ProtobufField => ({
  ...part(name, message),
  pointer: true,
});

const serverAddress: ProtobufMessage = { 1: text("clientCIDR"), 2: text("serverAddress") };
const groupVersion: ProtobufMessage = { 1: text("groupVersion"), 2: text("version") };
const group: ProtobufMessage = {
  1: text("name"),
  2: parts("versions", groupVersion),
  3: part("preferredVersion", groupVersion),
  4: parts("serverAddressByClientCIDRs", serverAddress),
};
const resource: ProtobufMessage = {
  1: text("name"),
  2: { name: "namespaced", type: "bool" },
  3: text("kind"),
  4: { name: "verbs", type: "texts", pointer: true },
  5: texts("shortNames"),
  6: text("singularName"),
  7: texts("categories"),
  8: text("group"),
  9: text("version"),
  10: text("storageVersionHash"),
};

const groupVersionKind: ProtobufMessage = { 1: text("group"), 2: text("version"), 3: text("kind") };
const aggregatedSubresource: ProtobufMessage = {
  1: text("subresource"),
  2: maybe("responseKind", groupVersionKind),
  3: parts("acceptedTypes", groupVersionKind),
  4: texts("verbs"),
};
const aggregatedResource: ProtobufMessage = {
  1: text("resource"),
  2: maybe("responseKind", groupVersionKind),
  3: text("scope"),
  4: text("singularResource"),
  5: texts("verbs"),
  6: texts("shortNames"),
  7: texts("categories"),
  8: parts("subresources", aggregatedSubresource),
};
const aggregatedVersion: ProtobufMessage = {
  1: text("version"),
  2: parts("resources", aggregatedResource),
  3: text("freshness"),
};
const aggregatedGroup: ProtobufMessage = {
  1: part("metadata", objectMetaMessage),
  2: parts("versions", aggregatedVersion),
};
const aggregated: ProtobufMessage = {
  1: part("metadata", listMetaMessage),
  2: parts("items", aggregatedGroup),
};

export const discoveryMessages: readonly (readonly [name: string, message: ProtobufMessage])[] = [
  ["v1 APIVersions", { 1: texts("versions"), 2: parts("serverAddressByClientCIDRs", serverAddress) }],
  ["v1 APIGroupList", { 1: parts("groups", group) }],
  ["v1 APIGroup", group],
  ["v1 APIResourceList", { 1: text("groupVersion"), 2: parts("resources", resource) }],
  ["apidiscovery.k8s.io/v2 APIGroupDiscoveryList", aggregated],
  ["apidiscovery.k8s.io/v2beta1 APIGroupDiscoveryList", aggregated],
];
