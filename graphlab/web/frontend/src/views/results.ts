/** What was computed before: every run with the command that repeats it, its rows, the cards of models. */

import * as api from "../core/api.ts";
import type { Cell } from "../core/api.ts";
import { choice, copy, h, labelled, number, type Child } from "../core/dom.ts";
import { href, settle } from "../core/router.ts";
import { table } from "../core/table.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

interface Run { run_id: string; verb: string; started: string; seconds: number; parameters: Record<string, Cell>; inputs: Record<string, Cell>; seed: number | null; current: boolean | null; message: string | null; rerun: string; methods: string }
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

export const view: View = {
  title: ({ rest }) => (rest[0] ? `Run ${rest[0]}` : "Results"),
  async render(main, { rest, query }, signal) {
    const id = rest[0];
    if (id !== undefined) {
      const run = await api.get<Run>(`runs/${encodeURIComponent(id)}`, {}, signal);
      main.append(
        h("h1", {}, `${run.verb.replaceAll("_", " ")}, run ${run.run_id}`),
        h("p", { class: "lead" }, [run.message ?? "", run.current === false ? " The data have changed since." : ""]),
        h("section", {}, h("h2", {}, "Again, on a command line"), copied(run.rerun)),
        h("section", {}, h("h2", {}, "For a methods section"), copied(run.methods)),
        section("Rows", async () => {
          try {
            return table(await api.get<api.Table>(`runs/${encodeURIComponent(id)}/result`, {}, signal), { caption: "Rows of the run" });
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
