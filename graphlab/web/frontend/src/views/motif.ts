/** Draw a motif, or write it: the drawing and its DotMotif text follow each other; the same text is counted and found. */

import * as api from "../core/api.ts";
import { Refused } from "../core/api.ts";
import { choice, copy, h, labelled, number, replace } from "../core/dom.ts";
import { href, settle } from "../core/router.ts";
import { settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { canvas } from "../motif/canvas.ts";
import { addNode, edge, empty, least, MOST, placed, removeNode, said, setLeast, setState, setType, state, typeOf, type Drawing, type State } from "../motif/drawing.ts";
import { Editor } from "../parts/editor.ts";
import { whoField } from "../core/who.ts";
import { trouble } from "../parts/panel.ts";
import { ids } from "../parts/neurons.ts";
import type { View } from "../main.ts";

const EXAMPLES: readonly (readonly [name: string, text: string])[] = [
  ["feed-forward loop", "A -> B\nB -> C\nA -> C"],
  ["loop of three", "A -> B\nB -> C\nC -> A"],
  ["reciprocal pair, one way out", "A -> B\nB -> A\nB -> C\nC !> B"],
  ["bi-fan", "A -> C\nA -> D\nB -> C\nB -> D"],
];

export const view: View = {
  title: () => "Draw a motif",
  async render(main, { query }) {
    const words = await api.words();
    let drawing: Drawing = empty();
    let locked: string[] = [];
    let written = "";
    let asked = 0;
    let waiting = 0;
    let job: string | null = null;
    let chosen: string | null = null;

    const lists = h("div", { class: "lists" });
    const told = h("div", { class: "told", role: "status" });
    const answer = h("div", { class: "answer" });
    const picture = canvas(() => drawing, () => void fromDrawing(), (name) => ((chosen = name), list()), () => settings().min_weight);
    const editor = new Editor(query.get("text") ?? "", "dotmotif", words, () => void find("find"), "The motif in DotMotif", () => {
      if (editor.text === written) return;
      clearTimeout(waiting);
      waiting = window.setTimeout(() => void fromText(), 200);
    });

    /** The drawing changed: write it. */
    async function fromDrawing(): Promise<void> {
      const mine = ++asked;
      picture.draw();
      list();
      const { text, loose } = await api.ask<{ text: string; loose: string[] }>("page/drawing/text", drawing);
      if (mine !== asked) return;
      written = text;
      editor.text = text;
      editor.point(null);
      settle({ text }, true);
      replace(told, loose.length > 0 && h("p", {}, `${loose.join(", ")} ${loose.length > 1 ? "have" : "has"} no connection yet, and ${loose.length > 1 ? "are" : "is"} not part of the motif.`));
    }

    /** The text changed: draw it. */
    async function fromText(): Promise<void> {
      const mine = ++asked;
      const text = editor.text;
      settle({ text }, true);
      if (!text.trim()) {
        drawing = empty();
        locked = [];
      } else {
        try {
          const found = await api.ask<{ drawing: Drawing; locked: string[] }>("page/drawing", { text });
          if (mine !== asked) return;
          drawing = placed(found.drawing, drawing);
          locked = found.locked;
          editor.point(null);
        } catch (error) {
          if (mine !== asked) return;
          if (error instanceof Refused) editor.point(error);
          // What is drawn is of an earlier text: to change it now would put that text back.
          locked = ["fault"];
          replace(told, trouble(error));
          picture.lock(true, "The text has a fault; the drawing is of what it said before.");
          list();
          return;
        }
      }
      written = text;
      replace(told, locked.length > 0 && h("ul", { class: "notes" }, locked.map((one) => h("li", {}, one))));
      picture.lock(locked.length > 0);
      list();
    }

    /** The same drawing as lists, for the keyboard and for exact values. */
    function list(): void {
      const off = locked.length > 0;
      const add = h("button", { type: "button", disabled: off || drawing.nodes.length >= MOST, onclick: () => { chosen = addNode(drawing)?.name ?? null; void fromDrawing(); } }, "Add a neuron");
      const neurons = drawing.nodes.map((node) => {
        const type = typeOf(node);
        const { field, parts } = whoField(type ?? "", { placeholder: "any type", disabled: off || type === null, "aria-label": `Type of ${node.name}` });
        field.addEventListener("change", () => { setType(node, field.value.trim()); void fromDrawing(); });
        const others = node.criteria.filter((clause) => clause.key !== "cell_type" || type === null);
        return h("li", { class: node.name === chosen ? "selected" : "" }, h("b", {}, node.name), " ", parts,
          others.map((clause) => h("small", {}, ` ${said(clause)}`)),
          h("button", { type: "button", class: "link", disabled: off, "aria-label": `Remove ${node.name}`, onclick: () => { removeNode(drawing, node.name); void fromDrawing(); } }, "remove"));
      });
      const names = drawing.nodes.map((node) => node.name);
      const pairs = h("table", { class: "pairs-of" }, h("caption", {}, "Connections: rows send, columns receive"),
        h("thead", {}, h("tr", {}, h("td", {}), names.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, names.map((a) => h("tr", {}, h("th", { scope: "row" }, a), names.map((b) => {
          if (a === b) return h("td", {});
          const now = state(drawing, a, b);
          const select = choice([["either", "either"], ["present", "present"], ["absent", "absent"]], now, (wanted) => {
            setState(drawing, a, b, wanted as State, now === "either" ? settings().min_weight : 0);
            void fromDrawing();
          }, { "aria-label": `${a} to ${b}`, disabled: off, class: now });
          const one = edge(drawing, a, b);
          const weight = one ? least(one) : null;
          const box = one && weight !== null ? h("input", { type: "number", min: 0, step: "any", value: weight || "", placeholder: "any", size: 4, disabled: off, "aria-label": `Least weight of ${a} to ${b}` }) : null;
          box?.addEventListener("change", () => { if (one) setLeast(one, Number(box.value)); void fromDrawing(); });
          return h("td", {}, select, box);
        })))));
      replace(lists, h("ul", { class: "neurons" }, neurons), add, names.length > 1 && h("div", { class: "wide" }, pairs),
        drawing.rules.length > 0 && h("ul", { class: "rules" }, drawing.rules.map((rule) => h("li", {}, h("code", {}, rule), " ",
          h("button", { type: "button", class: "link", disabled: off, onclick: () => { drawing.rules = drawing.rules.filter((one) => one !== rule); void fromDrawing(); } }, "remove")))));
    }

    const once = h("input", { type: "checkbox", checked: query.get("once") === "yes" });
    const samples = choice([["20", "20 random graphs"], ["100", "100 random graphs"], ["1000", "1,000 random graphs"]], "100", () => undefined);
    const cancel = h("button", { type: "button", disabled: true, onclick: () => { if (job) void api.stop(job); } }, "Cancel");
    const buttons = [
      h("button", { type: "button", class: "first", onclick: () => void find("count") }, "Count"),
      h("button", { type: "button", onclick: () => void find("find") }, "Find"),
      h("button", { type: "button", onclick: () => void find("test") }, "Test"),
    ];

    async function find(how: "count" | "find" | "test"): Promise<void> {
      if (job || !editor.text.trim()) return;
      clearTimeout(waiting);
      const text = editor.text;
      const mine = (job = api.newJob());
      cancel.disabled = false;
      for (const button of buttons) button.disabled = true;
      settle({ text, once: once.checked ? "yes" : "" }, true);
      replace(answer, h("p", { class: "waiting" }, "Working …"));
      try {
        if (how === "test") {
          const found = await api.ask("motifs/pattern_significance", { pattern: text, language: "dotmotif", samples: Number(samples.value), kind: settings().kind }, { job: mine });
          replace(answer, table(found, { caption: "Against random graphs" }));
        } else {
          const found = await api.ask("query", { text, language: "dotmotif", count: how === "count", limit: how === "find" ? 10000 : null, exclude_automorphisms: once.checked, kind: settings().kind }, { job: mine });
          if (how === "count") replace(answer, h("p", { class: "count" }, h("b", {}, number(found.page.rows[0]?.[0])), ` matches${once.checked ? ", alike ones once" : ""}`));
          else {
            const all = h("button", { type: "button" }, "All in one Neuroglancer view");
            const place = h("span", { class: "linked" });
            all.addEventListener("click", () => void every(found, place));
            replace(answer, h("p", { class: "actions" }, all, place), table(found, {
              caption: "Instances", empty: "There is none.",
              cells: Object.fromEntries(found.columns.slice(0, 1).map((one) => [one.name, (value: api.Cell, of: (name: string) => api.Cell) => [
                h("a", { href: href("network", [], { who: found.columns.map((c) => String(of(c.name))).join(", "), partners: "0" }), title: "This instance" }, "◇"), " ",
                h("a", { href: href("neuron", [String(value)]) }, String(value))]])),
            }));
          }
        }
      } catch (error) {
        if (error instanceof Refused && error.status === 409) replace(answer, h("p", {}, "Stopped; no part of the answer is shown."));
        else {
          if (error instanceof Refused) editor.point(error);
          replace(answer, trouble(error));
        }
      } finally {
        job = null;
        cancel.disabled = true;
        for (const button of buttons) button.disabled = false;
      }
    }

    /** Every neuron of every instance in one view; too many for an address is said by the server. */
    async function every(found: api.Table, place: HTMLElement): Promise<void> {
      try {
        const several = await Promise.all(found.columns.map((one) => ids(found, one.name)));
        const { text: address } = await api.ask<{ text: string }>("sets/link", { who: [...new Set(several.flat())] });
        const take = h("button", { type: "button", onclick: () => void copy(address, "Address copied") }, "copy its address");
        replace(place, h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "open the view"), " ", take);
      } catch (error) {
        replace(place, trouble(error));
      }
    }

    main.append(
      h("h1", {}, "Draw a motif"),
      h("p", { class: "bar" }, "Begin with: ", EXAMPLES.map(([name, text]) => h("button", { type: "button", class: "link", onclick: () => { editor.text = text; } }, name)),
        h("button", { type: "button", class: "link", onclick: () => { editor.text = ""; } }, "nothing")),
      h("div", { class: "two motif-parts" }, picture.element, h("div", {}, h("h2", {}, "In DotMotif"), editor.element, told)),
      h("div", { class: "bar" }, buttons.slice(0, 2), h("label", { class: "check" }, once, " alike matches once"), labelled("Against the reciprocal null", samples), buttons[2] ?? null, cancel),
      answer, h("h2", {}, "As lists"), lists);
    picture.draw();
    list();
    if (editor.text.trim()) await fromText();
  },
};
