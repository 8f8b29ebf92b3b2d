/** Where the root of a container is that came while its app's machine ran, and how it gets there. */
import type { AppSpec, ContentId } from "../desired.ts";
import type { ContentStatus } from "../observed.ts";
import type { AppContext } from "./app-context.ts";
import { type AppRecord, allContainers, type NumberedContainer, ownContainers } from "./app-record.ts";
import { ContainerConfigError } from "./container-config.ts";
import type { ContainerStart } from "./hypervisor.ts";

/**
 * Parts of the spare disk, each as large as an image may be. The disk is sparse: it costs what is copied to it.
 */
export const spareParts: number = 32;
export const sparePartBytes: number = 16 * 2 ** 30;

/** `disks` are the contents of the machine's own disks, in their order. */
export function rootOf(
  spec: AppSpec,
  disks: readonly string[],
  { container, role, index }: NumberedContainer,
): ContainerStart["root"] {
  const disk = disks.indexOf(container.contentTreeId);
  if (role !== "ephemeral" || disk >= 0) return { disk: Math.max(0, disk) };
  const part = index - 1 - ownContainers(spec).length;
  if (part < spareParts) return { part };
  throw new ContainerConfigError(
    `the app's machine takes ${spareParts} more images, ${container.name} is one too many: start the app anew`,
  );
}

export async function bringImage(
  { hypervisor, store, facts }: AppContext,
  { id, spec }: AppRecord,
  index: number,
  part: number,
): Promise<void> {
  const content = allContainers(spec)[index - 1]?.container.contentTreeId ?? "";
  const path = imagePath(store.contents.get(content as ContentId), facts.architecture);
  await hypervisor.addImage(id, part, path);
}

/** The root image of a content that is there and is for this box. */
export function imagePath(content: ContentStatus | undefined, own: string): string {
  if (content?.phase !== "ready") throw new ContainerConfigError("its image is not there any more");
  const architecture = content.config?.architecture || own;
  if (architecture === own) return content.path;
  throw new ContainerConfigError(`its image is for ${architecture}, this node is ${own}`);
}
