/** What can be posted to a Pod, in protobuf. */
import { deleteOptionsMessage, objectMetaMessage, type ProtobufMessage } from "@selvedge/apimachinery";

export const bindingMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: objectMetaMessage },
  2: {
    name: "target",
    type: "message",
    message: {
      1: { name: "kind", type: "string" },
      2: { name: "namespace", type: "string" },
      3: { name: "name", type: "string" },
      4: { name: "uid", type: "string" },
      5: { name: "apiVersion", type: "string" },
      6: { name: "resourceVersion", type: "string" },
      7: { name: "fieldPath", type: "string" },
    },
  },
};

export const evictionMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: objectMetaMessage },
  2: { name: "deleteOptions", type: "message", message: deleteOptionsMessage, pointer: true },
};
