/** What the graph holds, and where to begin. */

import * as api from "../core/api.ts";
import { h, number } from "../core/dom.ts";
import { href } from "../core/router.ts";
import { info } from "../core/settings.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

const COUNTS: readonly (readonly [name: string, text: string])[] = [
  ["neurons_in_graph", "neurons"], ["chemical", "chemical connections"], ["electrical", "electrical connections"],
  ["extrasynaptic", "extrasynaptic connections"], ["total_weight", "synapses in connections"], ["synapses", "single synapses"],
];

export const view: View = {
  title: () => "Overview",
  async render(main) {
    const about = await info();
    main.append(
      h("h1", {}, about.dataset ?? api.currentGraph()),
      h("p", { class: "lead" }, [about.materialization ? `Materialization ${about.materialization}. ` : "", `Data version ${about.data_version}.`]),
      h("dl", { class: "cards" }, COUNTS.filter(([name]) => about.counts[name]).map(([name, text]) =>
        h("div", {}, h("dt", {}, text), h("dd", {}, number(about.counts[name])))),
        about.embeddings.map((one) => h("div", {}, h("dt", {}, `neurons with embeddings, ${one.model}`), h("dd", {}, number(one.neurons))))),
      about.notes.length > 0 && h("ul", { class: "notes" }, about.notes.map((note) => h("li", {}, note))) || "",
      section("Begin", async () => {
        const { values } = await api.get<{ values: { value: string; neurons: number }[] }>("values", { column: "cell_type", prefix: "", limit: 24 });
        return [
          h("p", {}, "Search above, ask in ", h("a", { href: href("query") }, "SQL, Cypher or DotMotif"), ", ", h("a", { href: href("motif") }, "draw a motif"), ", or begin with a type:"),
          values.length ? h("p", { class: "tags" }, values.map((one) => h("a", { href: href("type", [one.value]) }, one.value, " ", h("small", {}, number(one.neurons)))))
            : h("p", { class: "none" }, "The neurons of this graph have no types."),
        ];
      }),
      section("Brought in", async () => h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sources" }, h("table", { class: "data" },
        h("thead", {}, h("tr", {}, ["source", "as", "rows", "run"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, about.sources.map((one) => h("tr", {}, h("td", {}, one.source), h("td", {}, one.as_), h("td", { class: "number" }, number(one.rows)),
          h("td", {}, h("a", { href: href("results", [one.run_id]) }, one.run_id)))))))),
      section("Limits of this server", async () => {
        const { settings, neuprint, version } = await api.server();
        return [
          h("p", {}, `graphlab ${version}. `, neuprint ? `neuPrint clients: ${neuprint.server}` : ""),
          h("dl", { class: "pairs" }, settings.map((one) => [
            h("dt", {}, one.name.replaceAll("_", " ")),
            h("dd", {}, `${number(one.value)} ${one.unit}`, h("small", {}, ` ${one.about}`, one.option ? ` (${one.option})` : "")),
          ])),
        ];
      }),
    );
  },
};
