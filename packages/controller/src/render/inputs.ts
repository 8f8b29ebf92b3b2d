import type {
  ConfigMap,
  EdgeNode,
  EndpointSlice,
  Namespace,
  NetworkPolicy,
  Node,
  PatchEnvelope,
  PersistentVolume,
  Pod,
  Secret,
  Service,
} from "@selvedge/kinds";
import type { PodToken, TokenAsked } from "../access/pod-tokens.ts";
import type { NodeId } from "../ports.ts";
import type { TokenMaker } from "./node-edgeview.ts";

/** The controller's own registry, as nodes reach it; see docs/decisions/0003. */
export interface NodeRegistry {
  /** `host:port` at which nodes reach it. */
  readonly address: string;
  /** Roots that its certificate is signed by, as PEM. */
  readonly certificates: readonly string[];
  /** The password of a node, whose user name is its UUID. */
  password(node: NodeId): string;
}

/** Everything that one node's configuration is made from. */
export interface RenderInputs {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly edgeNode: EdgeNode;
  /** Undefined until the node has reported what it has. */
  readonly node: Node | undefined;
  /** All Pods bound to the node, in any order. */
  readonly pods: readonly Pod[];
  /** An autoscaler goes by what one of these Pods uses. */
  readonly followsLoad: boolean;
  readonly services: readonly Service[];
  /** Of the namespaces of these Pods. */
  readonly policies: readonly NetworkPolicy[];
  namespace(name: string): Namespace | undefined;
  /** The EndpointSlices of a Service, by its `namespace/name`, in one order. */
  slices(service: string): readonly EndpointSlice[];
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
  /** The node has sent what secrets are encrypted to. */
  readonly canSeal: boolean;
  /** A token of the Pod's account; throws a RenderError when there is no such account. */
  accountToken(pod: Pod, asked: TokenAsked): PodToken;
  /** The volumes on this node, whether or not a Pod has them now. */
  readonly nodeVolumes: readonly PersistentVolume[];
  /** Patch envelopes of the namespaces of these Pods. */
  readonly patches: readonly PatchEnvelope[];
  readonly registry: NodeRegistry;
  readonly tokens: TokenMaker;
  /** What the node compares to know that the controller's certificates changed. */
  readonly certificatesHash: string;
}

/** Why a Pod cannot be sent to its node yet, in kubelet's words. */
export interface PodFault {
  readonly pod: Pod;
  /** The container it is about; undefined for the whole Pod. */
  readonly container: string | undefined;
  readonly reason:
    | "CreateContainerConfigError"
    | "InvalidImageName"
    | "NotSupported"
    | "FailedMount"
    | "SecretsNotSealed";
  readonly message: string;
}

/** Thrown inside the rendering of one Pod and made a PodFault at its edge. */
export class RenderError extends Error {
  override name = "RenderError";
  readonly reason: PodFault["reason"];

  constructor(reason: PodFault["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
