/** The map of embeddings: every neuron a point, coloured by a column; a lasso makes a set. */

import * as api from "../core/api.ts";
import { choice, h, labelled, number, replace } from "../core/dom.ts";
import { keepSet, NAME } from "../core/own_sets.ts";
import { go, href, settle } from "../core/router.ts";
import { table } from "../core/table.ts";
import { actions, sparse } from "../parts/neurons.ts";
import { fill, trouble } from "../parts/panel.ts";
import { oneOf, scatter, type Scatter } from "../parts/scatter.ts";
import type { View } from "../main.ts";

const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#b2182b", "#4d9221", "#35978f", "#bf812d", "#c51b7d"];
const METHODS: Record<string, string> = { pca: "principal components", umap: "UMAP" };
const REST = "#8a8a8a";
interface Head { neurons: number; groups: string[]; counts: number[]; axes: [string, string]; title: string; notes: string[] }

/** What the server sends: the length of the head, the head as JSON, then ids, x, y and groups, each in one piece. */
export function read(sent: ArrayBuffer): { head: Head; ids: BigUint64Array; x: Float32Array; y: Float32Array; group: Uint16Array } {
  const length = new DataView(sent).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(sent, 4, length))) as Head;
  const n = head.neurons;
  const start = Math.ceil((4 + length) / 8) * 8;
  return {
    head, ids: new BigUint64Array(sent, start, n), x: new Float32Array(sent, start + 8 * n, n),
    y: new Float32Array(sent, start + 12 * n, n), group: new Uint16Array(sent, start + 16 * n, n),
  };
}

export const view: View = {
  title: () => "Embedding map",
  async render(main, { query }) {
    const [words, { maps }] = await Promise.all([api.words(), api.get<{ maps: { model: string; method: string; run_id: string | null }[] }>("embeddings/maps")]);
    main.append(h("h1", {}, "Embedding map"));
    const models = [...new Set(maps.map((one) => one.model))];
    if (!models.length) {
      main.append(h("p", { class: "lead" }, "This graph has no embeddings; bring them in with graphlab ingest --as embeddings, or compute them with graphlab embed."));
      return;
    }
    const model = query.get("model") ?? models[0] ?? "";
    const by = query.get("by") ?? "cell_type";
    const methods = maps.filter((one) => one.model === model).map((one) => one.method);
    const method = query.get("method") ?? "pca";
    const place = h("div", {});
    main.append(h("div", { class: "bar" },
      models.length > 1 && labelled("Model", choice(models.map((one) => [one, one]), model, (one) => settle({ model: one }))),
      methods.length > 1 ? labelled("Laid out by", choice(methods.map((one) => [one, METHODS[one] ?? one]), method, (one) => settle({ method: one === "pca" ? "" : one })))
        : h("small", {}, "Principal components; graphlab map-embeddings adds a UMAP."),
      labelled("Colour by", choice(words.columns.filter((one) => !/_nm$|^root_id$|^total_|confidence/.test(one)).map((one) => [one, one.replaceAll("_", " ")]), by, (one) => settle({ by: one })))), place);
    await fill(place, async () => drawn(read(await api.bytes(`embeddings/${encodeURIComponent(model)}/map`, { by, method: method === "pca" ? "" : method }, "application/vnd.graphlab.points"))));
  },
};

function drawn({ head, ids, x, y, group }: ReturnType<typeof read>): (HTMLElement | null)[] {
  const order = head.groups.map((_, k) => k).sort((a, b) => (head.counts[b] ?? 0) - (head.counts[a] ?? 0));
  const shade = head.groups.map(() => REST);
  order.filter((k) => head.groups[k] !== "").slice(0, PALETTE.length).forEach((k, place) => (shade[k] = PALETTE[place] ?? REST));
  const colours = Float32Array.from(shade.flatMap((one) => [1, 3, 5].map((at) => parseInt(one.slice(at, at + 2), 16) / 255)));
  const tip = h("p", { class: "tip", role: "status" }, "\u00a0");
  const picked = h("div", { class: "picked" });
  const name = (k: number): string => head.groups[group[k] ?? 0] || "(not known)";
  let under: number | null = null;
  const made: Scatter = scatter({ x, y, group, colours }, `${head.title}: ${number(ids.length)} neurons. Arrows move, plus and minus zoom, shift and drag is the lasso.`,
    (rows) => pick(rows), (row) => {
      under = row;
      tip.textContent = row === null ? "\u00a0" : `${ids[row]} · ${name(row)}`;
    });
  made.element.addEventListener("dblclick", () => {
    if (under !== null) go(href("neuron", [String(ids[under])]));
  });

  function pick(rows: Uint32Array): void {
    if (!rows.length) {
      replace(picked);
      return;
    }
    const members = Array.from(rows, (k) => String(ids[k]));
    const title = h("input", { type: "text", required: true, pattern: NAME, size: 14, title: "letters, digits and _, a letter first" });
    const said = h("span", { role: "status" });
    const form = h("form", { class: "bar" }, h("b", {}, `${number(members.length)} neurons chosen`), labelled("Name of the set", title), h("button", { type: "submit", class: "first" }, "Keep as a set"), said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void keepSet(title.value, members).then(
        (text) => replace(said, text, " ", h("a", { href: href("sets", [title.value]) }, "See it")),
        (error: unknown) => replace(said, trouble(error)));
    });
    const rows_ = h("div", {});
    void fill(rows_, async () => {
      const found = await api.ask("neurons", { who: members });
      return table(found, { hidden: sparse(found), caption: "Chosen neurons", size: 25 });
    });
    replace(picked, form, members.length <= 200 && actions(members), rows_);
  }

  const hidden = new Set<number>();
  const legend = h("ul", { class: "legend" }, order.slice(0, 40).map((k) => {
    const button = h("button", { type: "button", "aria-pressed": "true" }, h("i", { "--shade": shade[k] ?? REST }), head.groups[k] || "(not known)", h("small", {}, ` ${number(head.counts[k])}`));
    button.addEventListener("click", () => {
      if (!hidden.delete(k)) hidden.add(k);
      button.setAttribute("aria-pressed", String(!hidden.has(k)));
      made.only(hidden.size ? new Set(head.groups.map((_, one) => one).filter((one) => !hidden.has(one))) : null);
    });
    return h("li", {}, button);
  }), order.length > 40 && h("li", {}, `and ${number(order.length - 40)} more groups`));
  const lasso = h("button", { type: "button", "aria-pressed": "false" }, "Lasso");
  lasso.addEventListener("click", () => {
    const on = lasso.getAttribute("aria-pressed") !== "true";
    lasso.setAttribute("aria-pressed", String(on));
    made.lasso(on);
  });
  return [
    h("div", { class: "bar" }, lasso, h("button", { type: "button", onclick: () => made.reset() }, "Whole map"),
      h("small", {}, "Drag to move, wheel to zoom, lasso (or shift and drag) to choose, double click to open")),
    h("div", { class: "map" }, h("figure", {}, made.element, h("figcaption", {}, `${number(ids.length)} neurons. ${head.axes[0]} across, ${head.axes[1]} up. ${head.notes.join(" ")}${oneOf(ids.length) > 1 ? ` One point of ${oneOf(ids.length)} is drawn while the map moves.` : ""}`), tip), legend), picked,
  ];
}
