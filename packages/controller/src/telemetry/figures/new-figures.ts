import { type Instant, LruMap } from "@selvedge/base";
import type { EdgeNode } from "@selvedge/kinds";
import type { Caches } from "../../objects/caches.ts";
import type { FigureBatch, FigureNews } from "../otlp-exporter.ts";
import { type Resource, toldMessage } from "../otlp-messages.ts";
import type { FleetFigures, Told } from "./fleet-figures.ts";

/** Nodes of which is known what was taken: of others the newest figures are told once more. */
const nodesMax = 50_000;
/** In one message: with what is around them some hundred kilobytes. The node that fills it is in it whole. */
const pointsMax = 2_000;

/** What nodes told and a collector has not taken yet; each node's newest figures, once. */
export class NewFigures implements FigureNews {
  readonly #figures: FleetFigures;
  readonly #caches: Pick<Caches, "edgeNodes">;
  readonly #resourceOf: (owner: string) => Resource;
  /** Who is still to be told of, of those that had something new when this round began. */
  #round: EdgeNode[] | undefined;
  readonly #taken = new LruMap<string, Instant>(nodesMax);

  constructor(
    figures: FleetFigures,
    caches: Pick<Caches, "edgeNodes">,
    resourceOf: (owner: string) => Resource,
  ) {
    this.#figures = figures;
    this.#caches = caches;
    this.#resourceOf = resourceOf;
  }

  next(): FigureBatch | undefined {
    this.#round ??= this.#caches.edgeNodes.list().filter((node) => this.#news(node) !== undefined);
    const told: Told[] = [];
    const nodes: (readonly [node: string, at: Instant])[] = [];
    let points = 0;
    for (let node = this.#round.pop(); node !== undefined; node = this.#round.pop()) {
      const at = this.#news(node);
      if (at === undefined) continue;
      nodes.push([idOf(node), at]);
      const own = this.#figures.of(node, "whole");
      told.push(...own);
      points += own.reduce((sum, { figures }) => sum + pointsOf(figures), 0);
      if (points >= pointsMax) break;
    }
    if (nodes.length === 0) this.#round = undefined;
    if (nodes.length === 0) return undefined;
    return {
      points,
      message: toldMessage(told, ({ of }) => this.#resourceOf(ownerOf(of))),
      taken: () => {
        for (const [node, at] of nodes) this.#taken.set(node, at);
      },
    };
  }

  /** When a node told what was not taken yet. */
  #news(node: EdgeNode): Instant | undefined {
    const at = this.#figures.toldAt(node);
    return at === this.#taken.get(idOf(node)) ? undefined : at;
  }
}

function pointsOf(figures: Told["figures"]): number {
  return figures.reduce((sum, { samples }) => sum + samples.length, 0);
}

function ownerOf(of: Told["of"]): string {
  return "pod" in of ? (of.pod.metadata.uid ?? "") : idOf(of.node);
}

function idOf({ status }: EdgeNode): string {
  return status?.nodeID ?? "";
}
