/** How signals get from some neurons to others: shortest paths, and who stands between. */

import * as api from "../core/api.ts";
import { choice, h, labelled } from "../core/dom.ts";
import { go, href } from "../core/router.ts";
import { settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { who, whoField } from "../core/who.ts";
import { network, type Link, type Node } from "../parts/graph.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

/** Rows of paths that are drawn. */
const DRAWN = 1000;

export const view: View = {
  title: () => "Paths",
  render(main, { query }, signal) {
    const [source, target] = [query.get("from") ?? "", query.get("to") ?? ""];
    const how = query.get("how") ?? "1";
    const from = whoField(source, { required: true });
    const to = whoField(target, { required: true });
    const many = choice([["1", "one shortest"], ["all", "all shortest"], ["5", "5 shortest"], ["20", "20 shortest"]], how, () => undefined);
    const cost = choice([["", "connections"], ["inverse", "inverse weight"], ["fraction", "share of input"]], query.get("cost") ?? "", () => undefined);
    const form = h("form", { class: "bar" }, labelled("From", from.parts), labelled("To", to.parts), labelled("Paths", many), labelled("Length by", cost),
      h("button", { type: "submit", class: "first" }, "Find"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      go(href("paths", [], { from: from.field.value.trim(), to: to.field.value.trim(), how: many.value === "1" ? "" : many.value, cost: cost.value }));
    });
    main.append(h("h1", {}, "Paths between neurons"), form);
    if (!source || !target) {
      main.append(h("p", { class: "lead" }, "Name neurons, types or sets at both ends."));
      return;
    }
    const { min_weight, kind, compartment } = settings();
    main.append(
      section("Paths", async () => {
        const found = await api.ask("paths", {
          source: who(source), target: who(target), min_weight, kind, compartment, ...(how === "all" ? { all: true } : how === "1" ? {} : { k: Number(how) }),
          weighted: query.get("cost") || null,
        }, { signal, first: DRAWN });
        const at = (name: string): number => found.columns.findIndex((one) => one.name === name);
        const nodes = new Map<string, Node>();
        const links = new Map<string, Link>();
        let before = "";
        for (const row of found.page.rows) {
          const id = String(row[at("root_id")]);
          const label = row[at("name")] ?? row[at("cell_type")];
          nodes.set(id, { id, label: label === null || label === undefined ? id : String(label), group: String(row[at("cell_type")] ?? ""), chosen: Number(row[at("step")]) === 0 });
          if (Number(row[at("step")]) > 0) links.set(`${before} ${id}`, { source: before, target: id, weight: Number(row[at("weight")]) });
          before = id;
        }
        return [
          nodes.size > 1 && nodes.size <= 250 && network([...nodes.values()], [...links.values()], (id) => go(href("neuron", [id])), "Paths"),
          found.rows > DRAWN && h("p", { class: "notes" }, `Of the first ${DRAWN} rows; the table has all.`),
          table(found, { caption: "Paths", empty: "There is no path." }),
        ];
      }),
      section("Between them", async () => [
        h("p", { class: "lead" }, "Neurons that receive from the first and send to the second, by the weaker of the two shares."),
        table(await api.ask("circuits/intermediates", { sources: who(source), targets: who(target), min_weight, kind, ...(compartment ? { compartment } : {}) }, { signal }), {
          shares: ["from_sources", "to_targets", "weaker"], caption: "Intermediates", empty: "Nobody stands between them.",
        }),
      ]));
  },
};
