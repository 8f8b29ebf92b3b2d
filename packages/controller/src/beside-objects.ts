/** What the Kubernetes port serves besides objects: streams, nodes' own pages, figures and images. */
import {
  type ApiServerOptions,
  type Authorizer,
  type ComputedKind,
  isProxied,
  podSubresources,
  type StreamedPod,
  serveProxy,
  type User,
} from "@selvedge/apiserver";
import type { Clock, Log, Random } from "@selvedge/base";
import { nodeMetricsKind, podKind, podMetricsKind } from "@selvedge/kinds";
import { edgeGroup, imagesResource } from "./access/edge-roles.ts";
import type { Api } from "./api.ts";
import { apiServices, type ServedKind } from "./api-services.ts";
import type { Controller } from "./controller.ts";
import type { Duty } from "./duty.ts";
import type { DialOutside } from "./endpoints/outside-dial.ts";
import { serviceBackend } from "./endpoints/service-backend.ts";
import { servePlain } from "./endpoints/service-dial.ts";
import { isRegistryTarget, serveRegistry } from "./listeners/registry-http.ts";
import { plainProtocol } from "./replicas/forwarding.ts";

export interface BesideParts {
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly outside: DialOutside;
}

type Beside = Pick<ApiServerOptions, "subresource" | "elsewhere" | "computed">;

/** All of it is with the replica that leads: another one takes the request there. */
export function besideObjects(duty: Duty, api: Api, parts: BesideParts): Beside {
  const { authorizer, clock, random, log } = parts;
  const registryLog = log.child("registry");
  const images: NonNullable<Beside["elsewhere"]> = async (request, response, user) => {
    const { leading, forwarding } = duty;
    if (leading === undefined) await forwarding?.forward(request, { type: "response", response }, user);
    else {
      const identity = user && (await imageIdentity(authorizer, user));
      void serveRegistry(leading.controller.images, request, response, identity, registryLog);
    }
    return true;
  };
  const figures = [podMetricsKind, nodeMetricsKind].map((kind) => computedBy(duty, kind));
  const served = (): ServedKind[] =>
    [...api.registry.kinds, podMetricsKind].filter(({ untold }) => untold !== true);
  return {
    computed: [apiServices(served, clock, (listener) => api.registry.table.onChange(listener)), ...figures],
    subresource: async (target, request, answer, user) => {
      const { leading, forwarding } = duty;
      if (leading === undefined) return await forwarding?.forward(request, answer, user);
      const { controller } = leading;
      if (await controller.nodeProxy(target, request, answer)) return;
      if (await controller.bootstrap(target, request, answer)) return;
      if (isProxied(target)) {
        const { caches, streams } = controller;
        const { namespace = "", name = "" } = target;
        if (answer.type === "upgrade" && request.headers.upgrade === plainProtocol) {
          const [service = "", port = ""] = name.split(":");
          // To an address for another replica alone: who has a right to a Service has none to that.
          const outside = user?.groups.includes(masters) ? parts.outside : undefined;
          const asked = { namespace, name: service, port: Number(port) };
          await servePlain(controller, asked, answer, { random, outside });
          return;
        }
        await serveProxy(target, request, answer, {
          pod: (namespace, name) => api.registry.get<StreamedPod>(podKind, name, namespace),
          backend: async (namespace, name) => serviceBackend(namespace, name, { ...caches, random }),
          streams,
        });
        return;
      }
      await podStreams(controller, api, { clock, log })(target, request, answer);
    },
    elsewhere: (request, response, user) => isRegistryTarget(request.url) && images(request, response, user),
  };
}

/** Whose the certificate is that replicas show each other. */
const masters = "system:masters";

/** What somebody may do with images; undefined: nothing. */
async function imageIdentity(
  authorizer: Authorizer,
  user: User,
): Promise<{ readonly name: string; readonly mayPush: boolean } | undefined> {
  const may = async (verb: string): Promise<boolean> => {
    const asked = { type: "resource", user, verb, group: edgeGroup, resource: imagesResource } as const;
    return (await authorizer.authorize(asked)).allowed;
  };
  const mayPush = await may("create");
  return mayPush || (await may("get")) ? { name: user.name, mayPush } : undefined;
}

function podStreams(
  controller: Controller,
  api: Api,
  { clock, log }: Pick<BesideParts, "clock" | "log">,
): ReturnType<typeof podSubresources> {
  return podSubresources({
    pod: (namespace, name) => api.registry.get<StreamedPod>(podKind, name, namespace),
    streams: controller.streams,
    ...{ clock, log: log.child("streams") },
  });
}

function computedBy(duty: Duty, kind: ComputedKind["kind"]): ComputedKind {
  const found = (): ComputedKind | undefined =>
    duty.leading?.controller.computed.find((computed) => computed.kind === kind);
  return {
    kind,
    get: (name, namespace) => found()?.get(name, namespace),
    list: (namespace) => found()?.list(namespace) ?? [],
    elsewhere: async (request, response, user) => {
      const { leading, forwarding } = duty;
      if (leading !== undefined || forwarding === undefined) return false;
      await forwarding.forward(request, { type: "response", response }, user);
      return true;
    },
  };
}
