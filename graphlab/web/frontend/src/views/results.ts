/** What was computed before: every run with the command that repeats it, its rows, the cards of models. */

import * as api from "../core/api.ts";
import type { Cell } from "../core/api.ts";
import { choice, copy, h, labelled, number, type Child } from "../core/dom.ts";
import { href, settle } from "../core/router.ts";
import { table } from "../core/table.ts";
import { neuronLink, sparse } from "../parts/neurons.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

interface Run { run_id: string; verb: string; started: string; seconds: number; parameters: Record<string, Cell>; inputs: Record<string, Cell>; seed: number | null; current: boolean | null; message: string | null; rerun: string; methods: string; tables: string[] }
type Card = Record<string, Cell>;

function copied(text: string): HTMLElement {
  const button = h("button", { type: "button" }, "Copy");
  button.addEventListener("click", () => void copy(text));
  return h("p", { class: "command" }, h("code", {}, text), button);
}

function value(of: Cell): Child {
  if (of === null) return "–";
  if (typeof of !== "object") return number(of);
  const entries = Object.entries(of);
  if (!entries.length) return "–";
  if (Array.isArray(of) && of.every((one) => typeof one !== "object" || one === null)) return of.map((one) => number(one)).join(", ");
  return h("dl", { class: "pairs small" }, entries.map(([name, one]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, value(one as Cell))]));
}

/** In the order that a reader judges a model by. */
const FIRST = ["task", "predictor", "predictor_sentence", "split", "classes", "examples", "scores", "chance", "recommended", "recommended_because", "leaks", "confounds", "controls", "notes", "calibration"];

function card(one: Card): HTMLElement {
  const rest = Object.keys(one).filter((name) => !FIRST.includes(name) && name !== "name");
  const entry = (name: string): Child => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, value(one[name] ?? null))];
  return h("details", { class: "card-of" }, h("summary", {}, h("b", {}, String(one["name"])), ` ${String(one["task"] ?? "")}, ${String(one["predictor"] ?? "")}`),
    h("dl", { class: "pairs" }, FIRST.filter((name) => one[name] !== undefined && one[name] !== null && name !== "run_id").map(entry)),
    h("details", {}, h("summary", {}, "Everything else on the card"), h("dl", { class: "pairs" }, rest.map(entry))));
}

/** What there is to see of a run, as reports draw it. */
function drawn(id: string, signal: AbortSignal): HTMLElement {
  const whole = h("section", { hidden: true });
  const path = `runs/${encodeURIComponent(id)}/figures`;
  whole.append(section("Figures", async () => {
    const { figures } = await api.get<{ figures: { name: string; caption: string }[] }>(path, {}, signal);
    whole.hidden = !figures.length;
    return figures.map((one) => {
      const at = api.address(`${path}/${encodeURIComponent(one.name)}.svg`);
      return h("figure", { class: "drawn", tabindex: 0 }, h("img", { src: at, alt: one.caption }), h("p", {}, h("a", { href: at, download: `${id}-${one.name}.svg` }, "Save SVG")));
    });
  }));
  return whole;
}

export const view: View = {
  title: ({ rest }) => (rest[0] ? `Run ${rest[0]}` : "Results"),
  async render(main, { rest, query }, signal) {
    const id = rest[0];
    if (id !== undefined) {
      const run = await api.get<Run>(`runs/${encodeURIComponent(id)}`, {}, signal);
      main.append(
        h("h1", {}, `${run.verb.replaceAll("_", " ")}, run ${run.run_id}`),
        h("p", { class: "lead" }, [run.message ?? "", run.current === false ? " The data have changed since." : ""]),
        drawn(id, signal),
        h("section", {}, h("h2", {}, "Again, on a command line"), copied(run.rerun)),
        h("section", {}, h("h2", {}, "For a methods section"), copied(run.methods)),
        section("Rows", async () => {
          try {
            const at = query.get("table") ?? run.tables[0] ?? "";
            const found = await api.get<api.Table>(`runs/${encodeURIComponent(id)}/result`, { table: run.tables.length ? at : "" }, signal);
            return [
              run.tables.length > 1 && h("div", { class: "bar" }, labelled("Table", choice(run.tables.map((one) => [one, one.replaceAll("_", " ")]), at, (one) => settle({ table: one })))),
              table(found, { caption: "Rows of the run", hidden: sparse(found), cells: { root_id: (one) => neuronLink(one) } }),
            ];
          } catch (error) {
            if (error instanceof api.Refused && error.status === 404) return h("p", { class: "none" }, error.message);
            throw error;
          }
        }),
        h("section", {}, h("h2", {}, "Parameters"), h("dl", { class: "pairs" }, Object.entries({ started: run.started, seconds: run.seconds, seed: run.seed, ...run.parameters, ...run.inputs }).map(([name, one]) => [
          h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, value(one as Cell))]))));
      return;
    }
    const verb = query.get("verb") ?? "";
    main.append(
      h("h1", {}, "Results that were computed"),
      section("Runs", async () => {
        const all = await api.get<api.Table>("runs", {}, signal);
        const at = all.columns.findIndex((one) => one.name === "verb");
        const verbs = [...new Set(all.page.rows.map((row) => String(row[at])))].sort();
        const found = verb ? await api.get<api.Table>("runs", { verb }, signal) : all;
        return [
          h("div", { class: "bar" }, labelled("Verb", choice([["", "all"], ...[...new Set([...verbs, ...(verb ? [verb] : [])])].map((one) => [one, one.replaceAll("_", " ")] as const)], verb, (chosen) => settle({ verb: chosen })))),
          table(found, { caption: "Runs", order: { column: "started", descending: true }, hidden: ["parameters", "inputs"], cells: { run_id: (one) => h("a", { href: href("results", [String(one)]) }, String(one)) } }),
        ];
      }),
      section("Models", async () => {
        const { models } = await api.get<{ models: Card[] }>("models", {}, signal);
        return models.length ? models.map(card) : h("p", { class: "none" }, "No predictor was trained (graphlab train).");
      }));
  },
};
