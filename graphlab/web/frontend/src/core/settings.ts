/** The settings that every view obeys, in the address: least weight, kind of connections, compartment. */

import * as api from "./api.ts";
import { choice, h, labelled, number } from "./dom.ts";
import { here, settle } from "./router.ts";

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
export function info(): Promise<Info> {
  const graph = api.currentGraph();
  let found = infos.get(graph);
  if (!found) {
    found = api.get<Info>("");
    found.catch(() => infos.delete(graph));
    infos.set(graph, found);
  }
  return found;
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

/** The one bar of settings; views without it do not depend on them. */
export async function bar(): Promise<HTMLElement> {
  const [words, about] = await Promise.all([api.words(), info()]);
  const now = settings();
  const least = h("input", { type: "number", min: 0, step: "any", value: now.min_weight || "", placeholder: "any", id: "min-weight" });
  least.addEventListener("change", () => settle({ min_weight: Number(least.value) > 0 ? least.value : "" }));
  return h("form", { class: "settings", "aria-label": "Settings of every view", onsubmit: (event: Event) => event.preventDefault() },
    labelled("Least weight", least),
    words.kinds.length > 1 && labelled("Connections", choice(words.kinds.map((kind) => [kind, kind]), now.kind, (kind) => settle({ kind: kind === "chemical" ? "" : kind }))),
    words.has["compartments"] === true && labelled("Compartment", choice([["", "all"], ...words.compartments.map((one) => [one, one] as const)], now.compartment ?? "", (compartment) => settle({ compartment }))),
    h("span", { class: "made" }, made(about)));
}
