/** The settings that every view obeys, in the address: version of the synapses, least weight, kind of connections,
 * compartment; least score, of single synapses. */

import * as api from "./api.ts";
import { choice, h, labelled, number } from "./dom.ts";
import { elsewhere, go, here, settle } from "./router.ts";

export interface Settings { min_weight: number; kind: string; compartment?: string }

export function settings(): Settings {
  const { query } = here();
  const least = Number(query.get("min_weight") ?? 0);
  const compartment = query.get("compartment");
  return {
    min_weight: Number.isFinite(least) && least > 0 ? least : 0,
    kind: query.get("kind") ?? "chemical",
    ...(compartment ? { compartment } : {}),
  };
}

export interface Info {
  dataset: string | null;
  materialization: string | null;
  data_version: string;
  resolution: string | null;
  recipe: { min_score?: number | null; merge_within_nm?: number | null };
  counts: Record<string, number>;
  embeddings: { model: string; segmentation_version: string; width: number; nodes: number; neurons: number }[];
  notes: string[];
  sources: { source: string; as_: string; rows: number | null; run_id: string }[];
}

const infos = new Map<string, Promise<Info>>();
function infoOf(graph: string): Promise<Info> {
  let found = infos.get(graph);
  if (!found) {
    found = api.infoOf<Info>(graph);
    found.catch(() => infos.delete(graph));
    infos.set(graph, found);
  }
  return found;
}
export const info = (): Promise<Info> => infoOf(api.currentGraph());

/** Least score of single synapses, as the verbs about them take it. */
export function scored(): { min_score?: number } {
  const given = here().query.get("min_score");
  const least = Number(given);
  return given && Number.isFinite(least) ? { min_score: least } : {};
}

/** What to know beside a list of single synapses that a least score cut. */
export function scoreNote(about: Info): string {
  const { min_score } = scored();
  const built = about.recipe.min_score ? `of score ${number(about.recipe.min_score)} or more` : "whatever their score";
  return min_score === undefined ? "" : `Synapses of score ${number(min_score)} or more are listed. Weights and per cents elsewhere count synapses ${built}, as the connections were made.`;
}

/** What the connections were made of, which only who builds the graph decides. */
function made(about: Info): string {
  const said = [
    about.dataset ?? "",
    about.materialization ? `materialization ${about.materialization}` : "",
    about.recipe.min_score ? `synapses of score ${number(about.recipe.min_score)} or more` : "",
    about.recipe.merge_within_nm ? `merged within ${number(about.recipe.merge_within_nm)} nm` : "",
    `data version ${about.data_version.slice(0, 8)}`,
  ];
  return said.filter(Boolean).join(" · ");
}

/** Versions of the synapses: the graphs of this server, each by its materialization and score; the view stays. */
async function versions(): Promise<HTMLElement | null> {
  const { graphs } = await api.server();
  if (graphs.length < 2) return null;
  const named = await Promise.all(graphs.map(async (name): Promise<[string, string]> => {
    const one = await infoOf(name);
    const told = [one.materialization ? `materialization ${one.materialization}` : "", one.recipe.min_score ? `score ${number(one.recipe.min_score)} or more` : ""];
    return [name, [name, told.filter(Boolean).join(", ")].filter(Boolean).join(": ")];
  }));
  return labelled("Synapse version", choice(named, api.currentGraph(), (name) => go(elsewhere(name))));
}

/** The one bar of settings; views without it do not depend on them. */
export async function bar(): Promise<HTMLElement> {
  const [words, about, version] = await Promise.all([api.words(), info(), versions()]);
  const now = settings();
  const least = h("input", { type: "number", min: 0, step: "any", value: now.min_weight || "", placeholder: "any", id: "min-weight" });
  least.addEventListener("change", () => settle({ min_weight: Number(least.value) > 0 ? least.value : "" }));
  const score = h("input", { type: "number", step: "any", value: scored().min_score ?? "", placeholder: "any", id: "min-score" });
  score.addEventListener("change", () => settle({ min_score: score.value }));
  return h("form", { class: "settings", "aria-label": "Settings of every view", onsubmit: (event: Event) => event.preventDefault() },
    version,
    labelled("Least weight", least),
    words.kinds.length > 1 && labelled("Connections", choice(words.kinds.map((kind) => [kind, kind]), now.kind, (kind) => settle({ kind: kind === "chemical" ? "" : kind }))),
    words.has["compartments"] === true && labelled("Compartment", choice([["", "all"], ...words.compartments.map((one) => [one, one] as const)], now.compartment ?? "", (compartment) => settle({ compartment }))),
    words.has["scores"] === true && labelled("Least score", score, { title: "Of the single synapses that are listed; weights are as the connections were made" }),
    h("span", { class: "made" }, made(about)));
}
