/** Every motif class: how often, how often in random graphs, and which neurons. */

import * as api from "../core/api.ts";
import type { Cell } from "../core/api.ts";
import { choice, copy, h, labelled, number, replace, s, type Child } from "../core/dom.ts";
import { go, href } from "../core/router.ts";
import { settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { column } from "../parts/neurons.ts";
import { fill, section, trouble } from "../parts/panel.ts";
import type { View } from "../main.ts";

/** A class drawn small: neurons on a circle, arrows among them. */
export function shape(edges: readonly (readonly [number, number])[], size: number): SVGElement {
  const at = (k: number): [number, number] => {
    const angle = size === 2 ? Math.PI * (1 - k) : -Math.PI / 2 - (size === 4 ? Math.PI / 4 : 0) + (2 * Math.PI * k) / size;
    return [32 + 20 * Math.cos(angle), 32 + 20 * Math.sin(angle)];
  };
  const there = new Set(edges.map(([a, b]) => `${a} ${b}`));
  return s("svg", { viewBox: "0 0 64 64", class: "shape", "aria-hidden": "true" },
    edges.filter(([a, b]) => !(there.has(`${b} ${a}`) && a > b)).map(([a, b]) => {
      const [[x1, y1], [x2, y2]] = [at(a), at(b)];
      const length = Math.hypot(x2 - x1, y2 - y1);
      const [dx, dy] = [((x2 - x1) / length) * 7, ((y2 - y1) / length) * 7];
      const head = (x: number, y: number, sign: number): SVGElement => s("path", { class: "head", d: `M${x} ${y}L${x - sign * dx - sign * dy * 0.6} ${y - sign * dy + sign * dx * 0.6}L${x - sign * dx + sign * dy * 0.6} ${y - sign * dy - sign * dx * 0.6}z` });
      return [s("line", { x1: x1 + dx, y1: y1 + dy, x2: x2 - dx, y2: y2 - dy }), head(x2 - dx * 0.6, y2 - dy * 0.6, 1), there.has(`${b} ${a}`) ? head(x1 + dx * 0.6, y1 + dy * 0.6, -1) : null];
    }),
    Array.from({ length: size }, (_, k) => s("circle", { cx: at(k)[0], cy: at(k)[1], r: 4.2 })));
}

type Tested = Map<string, Record<string, Cell>>;
const byMotif = (found: api.Table): Tested => {
  const at = found.columns.findIndex((one) => one.name === "motif");
  return new Map(found.page.rows.map((row) => [String(row[at]), Object.fromEntries(found.columns.map((one, k) => [one.name, row[k] ?? null]))]));
};

export const view: View = {
  title: ({ rest }) => (rest[1] ? `Motif ${rest[1]}` : "Motif classes"),
  async render(main, { rest }, signal) {
    const size = Number(rest[0] ?? 3);
    const motif = rest[1];
    const now = settings();
    main.append(h("h1", {}, "Motif classes"), h("div", { class: "bar" }, labelled("Neurons", choice([["2", "2"], ["3", "3"], ["4", "4"]], String(size), (value) => go(href("motifs", [value]))))));
    const place = h("div", {});
    if (motif !== undefined) main.append(section(`Instances of ${motif}`, () => instances(motif, size, signal), h("a", { href: href("motifs", [String(size)]) }, "close")));
    main.append(place);
    await fill(place, async () => {
      const [census, kept] = await Promise.all([
        api.ask("motifs/census", { size, ...now }, { signal, first: 1000 }),
        api.ask<api.Table & { about: { sentence?: string; run_id?: string } }>("page/significance", { size, ...now }, { signal, first: 1000 }),
      ]);
      const grid = h("ul", { class: "classes" });
      const said = h("div", { role: "status" });
      const [names, edges, counts] = ["motif", "edges", "count"].map((name) => column(census, name));
      const draw = (tested: Tested, sentence: string): void => {
        replace(said, sentence && h("p", { class: "lead" }, sentence));
        replace(grid, (names ?? []).map((name, k) => {
          const pairs = (edges?.[k] ?? []) as [number, number][];
          const one = tested.get(String(name));
          const open = size > 2 && pairs.length >= size - 1;
          const inner: Child = [shape(pairs, size), h("b", {}, String(name)), h("span", {}, number(counts?.[k])),
            one && typeof one["ratio"] === "number" && h("small", { class: one["ratio"] > 1 ? "more" : "less", title: `null mean ${number(one["null_mean"])}, z ${number(one["z"])}, q ${number(one["q"])}` }, `${number(Number(one["ratio"].toPrecision(3)))} × null${typeof one["q"] === "number" && one["q"] <= 0.05 ? " *" : ""}`)];
          return h("li", {}, open ? h("a", { href: href("motifs", [String(size), String(name)]), "aria-current": name === motif ? "true" : null }, inner) : h("div", {}, inner));
        }));
      };
      draw(kept.rows ? byMotif(kept) : new Map(), kept.rows ? `${String(kept.about["sentence"] ?? "")} Run ${String(kept.about["run_id"] ?? "")}; * is q ≤ .05.` : "");
      return [said, tester(size, byMotif, draw), grid, h("details", {}, h("summary", {}, "As a table"), table(kept.rows ? kept : census, { caption: "Census" }))];
    });
  },
};

/** Random graphs on demand, with progress, stopped by a button; the graph is open for reading, so nothing is recorded. */
function tester(size: number, read: (found: api.Table) => Tested, draw: (tested: Tested, sentence: string) => void): HTMLElement {
  const nulls = choice([["reciprocal", "reciprocal"], ["configuration", "configuration"], ["er", "er"]], size === 2 ? "configuration" : "reciprocal", () => undefined);
  const samples = choice([["20", "20"], ["100", "100"], ["1000", "1,000"]], "100", () => undefined);
  const state = h("span", { role: "status" });
  const run = h("button", { type: "button" }, "Compare with random graphs");
  const cancel = h("button", { type: "button", disabled: true }, "Cancel");
  let job: string | null = null;
  cancel.addEventListener("click", () => { if (job) void api.stop(job); });
  run.addEventListener("click", () => void (async () => {
    const mine = (job = api.newJob());
    run.disabled = !(cancel.disabled = false);
    const events = new EventSource(`/api/jobs/${mine}/events`);
    events.addEventListener("progress", (event) => {
      const { done, total } = JSON.parse(event.data as string) as { done: number; total: number };
      state.textContent = total ? `${number(done)} of ${number(total)}` : `${number(done)}`;
    });
    events.addEventListener("error", () => events.close());
    try {
      const found = await api.ask("motifs/significance", { size, null: nulls.value, samples: Number(samples.value), ...settings() }, { job: mine, first: 1000 });
      draw(read(found), `${found.notes.join(" ")} ${samples.value} random graphs, seed 0; * is q ≤ .05. Not recorded: graphlab motifs --samples ${samples.value} keeps it.`);
      state.textContent = "";
    } catch (error) {
      replace(state, error instanceof api.Refused && error.status === 409 ? "Stopped." : trouble(error));
    } finally {
      events.close();
      job = null;
      run.disabled = !(cancel.disabled = true);
    }
  })());
  return h("div", { class: "bar" }, labelled("Null", nulls), labelled("Samples", samples), run, cancel, state);
}

async function instances(motif: string, size: number, signal: AbortSignal): Promise<Child> {
  const found = await api.ask("motifs/instances", { motif, size, limit: 1000, ...settings() }, { signal, first: 1000 });
  const roles = Array.from({ length: size }, (_, k) => `neuron_${k}`);
  const all = h("button", { type: "button" }, "All in one Neuroglancer view");
  const place = h("span", { class: "linked" });
  all.addEventListener("click", () => void (async () => {
    try {
      const neurons = [...new Set(roles.flatMap((role) => column(found, role).map(String)))];
      const { text } = await api.ask<{ text: string }>("sets/link", { who: neurons });
      replace(place, h("a", { href: text, target: "_blank", rel: "noopener noreferrer" }, "open the view"), " ", h("button", { type: "button", onclick: () => void copy(text, "Address copied") }, "copy its address"));
    } catch (error) {
      replace(place, trouble(error));
    }
  })());
  return [
    h("p", { class: "actions" }, all, place),
    table(found, {
      size: 25, caption: `Instances of ${motif}`, hidden: found.columns.map((one) => one.name).filter((name) => /_nm_\d$/.test(name)), empty: "There is none.",
      cells: { neuron_0: (value, of) => [h("a", { href: href("network", [], { who: roles.map((role) => String(of(role))).join(", "), partners: "0" }), title: "This instance" }, "◇"), " ", h("a", { href: href("neuron", [String(value)]) }, String(value))] },
    }),
  ];
}
