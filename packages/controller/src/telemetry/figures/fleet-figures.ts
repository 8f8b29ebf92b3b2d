/**
 * The newest figures of every node and app, as they are shown. One message of a node holds its own and its apps':
 * it is kept as it came and read when somebody looks.
 *
 *   a page of the fleet    bounded: so many nodes whole, more of them in brief
 *   a page of a node       all of it, for whoever has more nodes than that page takes
 *   what is news           for OpenTelemetry: each node's once, when it has come
 */
import { create } from "@bufbuild/protobuf";
import type { Clock, Instant, MetricFamily, MetricSample } from "@selvedge/base";
import { metrics, type ZMetricMsg } from "@selvedge/eve-api";
import type { EdgeNode, Pod } from "@selvedge/kinds";
import type { UsageBook } from "../../ingest/usage-book.ts";
import { type Caches, nodeNameOf } from "../../objects/caches.ts";
import type { NodeId } from "../../ports.ts";
import { type AppWords, appFigures } from "./app-figures.ts";
import { type Figure, familyOf, samplesOf } from "./figure.ts";
import { machineFigures, type NodeWords, partFigures } from "./node-figures.ts";
import { talkFigures } from "./talk-figures.ts";

export interface FleetFiguresDeps {
  readonly caches: Pick<Caches, "edgeNodes" | "pods">;
  readonly usages: UsageBook;
  /** What a node said last, if it is still there. */
  readonly said: (node: NodeId) => ZMetricMsg | undefined;
  readonly clock: Clock;
}

/** What somebody tells of one node or app. */
export interface Told {
  readonly of: { readonly node: EdgeNode } | { readonly pod: Pod };
  readonly at: Instant;
  readonly figures: readonly {
    readonly figure: Figure<never>;
    readonly samples: readonly MetricSample[];
    /** So many of their labels say whose they are. */
    readonly before: number;
  }[];
}

export const nodeFigures: readonly Figure<NodeWords>[] = [...machineFigures, ...talkFigures, ...partFigures];
export { appFigures };

/** A node has some two hundred series: with so many a page is of some megabytes, and read in some milliseconds. */
const wholeMax = 200;
/** And so many with what their use alone says: its bound is that of every family of figures. */
const briefMax = 2_000;
/** Of one node: more apps than run on a box. */
const appsMax = 256;

const nodeLabels = ["node"];
const appLabels = ["node", "namespace", "pod"];

export class FleetFigures {
  readonly #deps: FleetFiguresDeps;

  constructor(deps: FleetFiguresDeps) {
    this.#deps = deps;
  }

  /** Of the nodes that come first by their names. */
  families(): MetricFamily[] {
    const page = new Page();
    const byName = (one: EdgeNode, other: EdgeNode): number => (nodeNameOf(one) < nodeNameOf(other) ? -1 : 1);
    const nodes = this.#deps.caches.edgeNodes.list().toSorted(byName);
    const shown = { whole: 0, brief: 0, none: 0 };
    for (const node of nodes) {
      const detail = shown.whole < wholeMax ? "whole" : shown.brief < briefMax - wholeMax ? "brief" : "none";
      const told = detail === "none" ? [] : this.of(node, detail);
      if (told.length > 0 || detail === "none") shown[detail]++;
      page.add(told);
    }
    return [...page.families(), shownFamily(shown)];
  }

  /** Of one node and its apps, all there is. Nothing where none are fresh. */
  page(node: NodeId): MetricFamily[] {
    const [found] = this.#deps.caches.edgeNodes.by("id", node);
    const page = new Page();
    if (found !== undefined) page.add(this.of(found, "whole"));
    return page.families();
  }

  /** When a node told its figures last; undefined when they are too old to say anything of now. */
  toldAt(node: EdgeNode): Instant | undefined {
    const { usages, clock } = this.#deps;
    const id = node.status?.nodeID;
    return id === undefined ? undefined : usages.node(id, clock.now())?.at;
  }

  of(node: EdgeNode, detail: "whole" | "brief"): Told[] {
    const { usages, said, clock } = this.#deps;
    const [id, now] = [node.status?.nodeID, clock.now()];
    const usage = id === undefined ? undefined : usages.node(id, now);
    if (id === undefined || usage === undefined) return [];
    const message = detail === "whole" ? said(id) : undefined;
    const device = message?.MetricContent.case === "dm" ? message.MetricContent.value : undefined;
    const words: NodeWords = {
      ...{ usage, device: device ?? create(metrics.deviceMetricSchema) },
      ...{ networks: message?.nm ?? [], volumes: message?.vm ?? [], processes: message?.pr ?? [] },
    };
    const name = nodeNameOf(node);
    const own: Told = { of: { node }, at: usage.at, figures: read(nodeFigures, words, [name]) };
    return [own, ...this.#apps(name, message, now)];
  }

  #apps(node: string, message: ZMetricMsg | undefined, now: Instant): Told[] {
    const { caches, usages } = this.#deps;
    const metricOf = new Map(message?.am.map((metric) => [metric.AppID, metric]));
    return caches.pods
      .by("node", node)
      .slice(0, appsMax)
      .flatMap((pod): Told[] => {
        const { uid = "", name, namespace = "" } = pod.metadata;
        const usage = usages.app(uid, now);
        if (usage === undefined) return [];
        const words: AppWords = { usage, metric: metricOf.get(uid) };
        return [{ of: { pod }, at: usage.at, figures: read(appFigures, words, [node, namespace, name]) }];
      });
  }
}

/** Whether a family is of nodes or apps, and so told by OpenTelemetry as theirs. */
export function isOfFleet({ name }: MetricFamily): boolean {
  return names.has(name);
}

const names = new Set([...nodeFigures, ...appFigures].map(({ name }) => name));

function read<Of>(figures: readonly Figure<Of>[], of: Of, before: readonly string[]): Told["figures"] {
  return figures.flatMap((figure) => {
    const samples = samplesOf(figure, of, before);
    return samples.length === 0 ? [] : [{ figure: figure as Figure<never>, samples, before: before.length }];
  });
}

/** What is told of several, by figure. */
class Page {
  readonly #samples = new Map<Figure<never>, MetricSample[]>();

  add(told: readonly Told[]): void {
    for (const { figures } of told)
      for (const { figure, samples } of figures) {
        const own = this.#samples.get(figure);
        if (own === undefined) this.#samples.set(figure, [...samples]);
        else own.push(...samples);
      }
  }

  families(): MetricFamily[] {
    const of = (figures: readonly Figure<never>[], labels: readonly string[]): MetricFamily[] =>
      figures.flatMap((figure) => {
        const samples = this.#samples.get(figure);
        return samples === undefined ? [] : [familyOf(figure, labels, samples)];
      });
    return [...of(nodeFigures, nodeLabels), ...of(appFigures, appLabels)];
  }
}

function shownFamily(shown: Readonly<Record<string, number>>): MetricFamily {
  return {
    ...{ name: "selvedge_metrics_nodes", kind: "gauge", labels: ["shown"] },
    help: "Nodes whose figures are on this page: whole, in brief (CPU, memory, modems), or not at all.",
    samples: Object.entries(shown).map(([how, value]) => ({ type: "number", labels: [how], value })),
  };
}
