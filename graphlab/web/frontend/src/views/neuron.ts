/** One neuron: its partners, where they meet it, what is like it, what was predicted and recorded of it. */

import * as api from "../core/api.ts";
import type { Cell, Who } from "../core/api.ts";
import { choice, h, labelled, number, type Child } from "../core/dom.ts";
import { here, href, settle } from "../core/router.ts";
import { info, scored, scoreNote, settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { actions, neuronLink, row } from "../parts/neurons.ts";
import { fill, section, tabs } from "../parts/panel.ts";
import type { View } from "../main.ts";

const QUIET = new Set(["root_id", "in_graph"]);
/** What people know a neuron by; further columns of the sources stand behind a fold. */
const FIRST = ["name", "cell_type", "super_class", "side", "nt_type", "nt_confidence", "neuropil", "total_in", "total_out", "x_nm", "y_nm", "z_nm", "status_axon", "status_dendrite"];

function facts(of: [string, Cell][]): HTMLElement {
  return h("dl", { class: "facts" }, of.map(([name, value]) => h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, number(value)))));
}

/** Who a neuron or a type talks with: by neuron, type or neuropil, with a cumulative cut. */
export async function partners(who: Who, direction: "in" | "out", words: api.Words): Promise<Child> {
  const { query } = here();
  const by = query.get("by") ?? "neuron";
  const upto = query.get("upto") ?? "";
  const kinds: (readonly [string, string])[] = [["neuron", "neuron"], ["cell_type", "type"]];
  if (words.has["neuropils"] === true && settings().kind === "chemical" && settings().compartment === undefined) kinds.push(["neuropil", "neuropil"]);
  const found = await api.ask("partners", { who, direction, by, ...settings(), sides: words.has["sides"] === true, upto: upto ? Number(upto) : null });
  const controls = h("div", { class: "bar" },
    labelled("By", choice(kinds, by, (value) => settle({ by: value === "neuron" ? "" : value }))),
    labelled("Up to", choice([["", "all"], ["0.5", "50 % of all"], ["0.8", "80 % of all"], ["0.9", "90 % of all"], ["0.95", "95 % of all"]], upto, (value) => settle({ upto: value }))));
  const one = typeof who === "string" && by === "neuron";
  const ends = (id: Cell): string[] => (direction === "out" ? [String(who), String(id)] : [String(id), String(who)]);
  return [controls, table(found, {
    shares: ["fraction", "cumulative"], caption: direction === "out" ? "Outputs" : "Inputs",
    first: ["root_id", "name", by, "cell_type", "weight", "fraction", "cumulative"],
    hidden: by === "neuron" ? ["name", ...(one ? ["connections"] : [])] : [],
    titles: { root_id: "neuron", fraction: direction === "out" ? "of all output" : "of all input", cumulative: "in sum", ipsilateral: "ipsi", contralateral: "contra" },
    cells: {
      root_id: (value, of) => [neuronLink(value), of("name") ? h("small", {}, ` ${String(of("name"))}`) : null],
      ...(one ? { weight: (value: Cell, of: (name: string) => Cell) => h("a", { href: href("connection", ends(of("root_id"))), title: "This connection" }, number(value)) } : {}),
    },
    empty: "No connection of this kind and weight.",
  })];
}

/** Where inputs and outputs lie: two bars a neuropil. */
export async function profile(who: Who): Promise<Child> {
  const found = await api.ask("places/neuropils", { who, kind: settings().kind });
  return table(found, { shares: ["fraction_in", "fraction_out"], hidden: ["root_id", "name", "cell_type"], caption: "Neuropils",
    titles: { fraction_in: "of all input", fraction_out: "of all output" } });
}

export const view: View = {
  title: ({ rest }) => `Neuron ${rest[0] ?? ""}`,
  async render(main, { rest }, signal) {
    const who = rest[0] ?? "";
    const [words, about] = await Promise.all([api.words(), info()]);
    const found = await api.ask("neurons", { who }, { signal });
    if (found.rows !== 1) {
      main.append(h("h1", {}, who), table(found, { caption: "Neurons", empty: "There is no such neuron." }));
      return;
    }
    const one = row(found, 0);
    const id = String(one["root_id"]);
    const known = Object.entries(one).filter(([name, value]) => value !== null && !QUIET.has(name));
    const more = known.filter(([name]) => !FIRST.includes(name));
    main.append(
      h("h1", {}, one["name"] ? String(one["name"]) : `Neuron ${id}`),
      h("p", { class: "lead" }, h("code", {}, id), one["cell_type"] ? [" of type ", h("a", { href: href("type", [String(one["cell_type"])]) }, String(one["cell_type"]))] : ""),
      actions(id),
      facts(known.filter(([name]) => FIRST.includes(name))),
      more.length > 0 ? h("details", {}, h("summary", {}, `${more.length} more columns`), facts(more)) : "",
    );
    const pair = h("div", { class: "two" },
      section("Inputs", () => partners(id, "in", words)), section("Outputs", () => partners(id, "out", words)));
    const parts: (readonly [string, () => Promise<Child>])[] = [];
    if (words.has["neuropils"] === true) parts.push(["Neuropils", () => profile(id)]);
    if (about.embeddings.length) parts.push(["Like it by embedding", () => similar(id, about.embeddings.map((m) => m.model))]);
    parts.push(["Predictions", () => predictions(id)]);
    if (words.has["recordings"] === true) parts.push(["Activity", () => activity(id)]);
    if (words.has["single_synapses"] === true) parts.push(["Synapses", async () => [scoreNote(about) && h("p", { class: "lead" }, scoreNote(about)), table(await api.ask("synapses/of", { who: id, kind: settings().kind, ...scored() }), { caption: "Synapses", hidden: ["root_id", "name", "cell_type"] })]]);
    main.append(pair, tabs("More about it", parts));
  },
};

async function similar(id: string, models: string[]): Promise<Child> {
  const place = h("div", {});
  const show = (model: string): Promise<void> => fill(place, async () =>
    table(await api.ask("similar", { who: id, k: 25, model }), { caption: "Neighbours by embedding" }));
  await show(models[0] ?? "");
  return [models.length > 1 && labelled("Model", choice(models.map((m) => [m, m]), models[0] ?? "", (model) => void show(model))), place];
}

async function predictions(id: string): Promise<Child> {
  const found = await api.ask("page/predictions", { root_id: id });
  if (!found.rows) return h("p", { class: "none" }, "No predictor was asked about this neuron (graphlab predict).");
  return table(found, { caption: "Predictions", shares: ["probability"] });
}

async function activity(id: string): Promise<Child> {
  const found = await api.ask("page/tuning", { root_id: id });
  if (!found.rows) return h("p", { class: "none" }, "It was not recorded, or no behaviour was looked for (graphlab correlate).");
  return table(found, { caption: "Activity and behaviour" });
}
