/** Who talks with whom, summed by type or any column: a matrix of shares, and the table to take away. */

import * as api from "../core/api.ts";
import type { Cell } from "../core/api.ts";
import { choice, h, labelled, number, percent } from "../core/dom.ts";
import { go, href, settle } from "../core/router.ts";
import { settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { who, whoField } from "../core/who.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

/** Rows and columns of the matrix that is drawn: those with most weight. */
const MOST = 40;

export const view: View = {
  title: () => "Types",
  async render(main, { query }, signal) {
    const words = await api.words();
    const by = query.get("by") ?? "cell_type";
    const share = query.get("share") ?? "in";
    const pre = whoField(query.get("pre") ?? "");
    const post = whoField(query.get("post") ?? "");
    const form = h("form", { class: "bar" },
      labelled("By", choice(words.columns.filter((name) => !/_nm$|^root_id$|^total_|^in_graph$|confidence/.test(name)).map((name) => [name, name.replaceAll("_", " ")]), by, (value) => settle({ by: value }))),
      labelled("Per cent of", choice([["in", "all input of the column"], ["out", "all output of the row"]], share, (value) => settle({ share: value === "in" ? "" : value }))),
      labelled("From", pre.parts), labelled("To", post.parts), h("button", { type: "submit", class: "first" }, "Show"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      go(href("types", [], { by: by === "cell_type" ? "" : by, share: share === "in" ? "" : share, pre: pre.field.value.trim(), post: post.field.value.trim() }));
    });
    main.append(h("h1", {}, "Types and their connections"), form);
    main.append(section("Matrix", async () => {
      const found = await api.ask("adjacency", { by, pre: who(query.get("pre") ?? ""), post: who(query.get("post") ?? ""), ...settings(), fractions: true }, { signal, first: 1000 });
      const at = (name: string): number => found.columns.findIndex((one) => one.name === name);
      const name = (value: Cell | undefined): string => (value === null || value === undefined ? "(not known)" : String(value));
      const fraction = share === "in" ? found.columns.findIndex((one) => /fraction.*(post|in)/.test(one.name)) : found.columns.findIndex((one) => /fraction.*(pre|out)/.test(one.name));
      const shares = found.columns.map((one) => one.name).filter((one) => one.startsWith("fraction"));
      const cells = new Map<string, Cell[]>();
      const rows = new Map<string, number>();
      const columns = new Map<string, number>();
      for (const one of found.page.rows) {
        const [a, b, weight] = [name(one[at(`${by}_pre`)]), name(one[at(`${by}_post`)]), Number(one[at("weight")])];
        cells.set(JSON.stringify([a, b]), one);
        rows.set(a, (rows.get(a) ?? 0) + weight);
        columns.set(b, (columns.get(b) ?? 0) + weight);
      }
      const top = (of: Map<string, number>): string[] => [...of].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([one]) => one).sort();
      const [down, across] = [top(rows), top(columns)];
      const matrix = h("table", { class: "matrix" },
        h("caption", {}, `Rows send, columns receive. ${found.rows > found.page.rows.length || rows.size > MOST || columns.size > MOST ? `Of ${number(found.rows)} pairs the heaviest, in at most ${MOST} rows and columns, are drawn; the table has all.` : ""}`),
        h("thead", {}, h("tr", {}, h("td", {}), across.map((one) => h("th", { scope: "col" }, h("span", {}, one))))),
        h("tbody", {}, down.map((a) => h("tr", {}, h("th", { scope: "row" }, a), across.map((b) => {
          const cell = cells.get(JSON.stringify([a, b]));
          if (!cell) return h("td", {});
          const part = Number(cell[fraction]);
          const said = `${a} → ${b}: weight ${number(cell[at("weight")])}, ${percent(part)}`;
          return h("td", { "--share": Math.min(1, Math.sqrt(part)), title: said }, part >= 0.005 ? (100 * part).toFixed(0) : "·");
        })))));
      return [
        found.page.rows.length > 0 && h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Matrix of types" }, matrix),
        table(found, { shares, caption: "Pairs of types", empty: "No connection of this kind and weight." }),
      ];
    }));
  },
};
