/** Questions in every language: run, count, explained, stopped, kept; their answers as tables. */

import * as api from "../core/api.ts";
import { Refused, type Table } from "../core/api.ts";
import { announce, choice, copy, h, labelled, number, replace } from "../core/dom.ts";
import { named } from "../core/own_sets.ts";
import { href, settle } from "../core/router.ts";
import { table } from "../core/table.ts";
import { Editor, type Language } from "../parts/editor.ts";
import { trouble } from "../parts/panel.ts";
import type { View } from "../main.ts";

const EXAMPLES: readonly (readonly [title: string, text: string])[] = [
  ["heaviest connections", "SELECT pre_root_id, post_root_id, weight\nFROM connections\nORDER BY weight DESC\nLIMIT 100"],
  ["pattern in SQL", "FROM GRAPH_TABLE (connectome\n  MATCH (a IS neuron)-[e IS synapse WHERE e.weight >= 5]->(b IS neuron)-[f IS synapse]->(a)\n  COLUMNS (a.root_id AS a, b.root_id AS b, e.weight AS there, f.weight AS back))\nLIMIT 100"],
  ["pattern in Cypher", "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron)\nWHERE e.weight >= 10\nRETURN a.bodyId, b.bodyId, e.weight\nORDER BY e.weight DESC LIMIT 100"],
  ["feed-forward loop in DotMotif", "A -> B [weight >= 5]\nB -> C [weight >= 5]\nA -> C [weight >= 5]\nC !> A"],
];
const KEPT = "queries";
interface KeptQuery { name: string; text: string; language: Language }
const kept = (): KeptQuery[] => {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "[]") as KeptQuery[];
  } catch {
    return [];
  }
};

export const view: View = {
  title: () => "Query",
  async render(main, { query }) {
    const words = await api.words();
    let language = (query.get("language") ?? "") as Language;
    const editor = new Editor(query.get("text") ?? "", language, words, () => void work("run"), "Question");
    const limit = h("input", { type: "number", min: 0, step: 1, value: query.get("limit") ?? "10000", id: "limit" });
    const answer = h("div", { class: "answer", "aria-live": "off" });
    const run = h("button", { type: "button", class: "first", title: "Ctrl + Enter", onclick: () => void work("run") }, "Run");
    const count = h("button", { type: "button", onclick: () => void work("count") }, "Count");
    const explain = h("button", { type: "button", onclick: () => void work("explain") }, "Explain");
    const cancel = h("button", { type: "button", disabled: true, onclick: () => void stop() }, "Cancel");
    const share = h("button", { type: "button", onclick: () => (address(), void copy(location.href, "Address copied")) }, "Copy address");
    const state = h("p", { class: "state", role: "status" });
    const shelf = h("div", { class: "shelf" });
    let job: string | null = null;

    const address = (): void => settle({ text: editor.text, language, limit: limit.value === "10000" ? "" : limit.value }, true);
    const chooser = choice([["", "by the text"], ["pgq", "SQL, SQL/PGQ"], ["cypher", "Cypher"], ["dotmotif", "DotMotif"]], language, (value) => {
      language = value as Language;
      editor.speak(language);
    });

    async function stop(): Promise<void> {
      if (job) await api.stop(job);
    }

    async function work(how: "run" | "count" | "explain"): Promise<void> {
      if (job) return;
      if (!editor.text.trim()) {
        state.textContent = "Write a question first.";
        editor.focus();
        return;
      }
      const mine = (job = api.newJob());
      const begun = performance.now();
      editor.point(null);
      address();
      cancel.disabled = false;
      run.disabled = count.disabled = explain.disabled = true;
      const clock = window.setInterval(() => (state.textContent = `Working, ${((performance.now() - begun) / 1000).toFixed(1)} s`), 100);
      try {
        const most = Number(limit.value);
        const found = await api.ask("query", {
          text: editor.text, language: language || null, limit: how === "run" && limit.value !== "" && Number.isFinite(most) ? most : null,
          count: how === "count", explain: how === "explain", sets: named(editor.text),
        }, { job: mine });
        clearInterval(clock);
        replace(answer, how === "count" ? counted(found) : how === "explain" ? explained(found) : told(found));
        state.textContent = how === "run" ? `${number(found.rows)} rows, ${found.engine}, ${number(Number(found.seconds.toPrecision(3)))} s` : "Done";
        announce(state.textContent);
      } catch (error) {
        clearInterval(clock);
        if (error instanceof Refused && error.status === 409) {
          state.textContent = `Stopped after ${((performance.now() - begun) / 1000).toFixed(1)} s; no part of the answer is shown.`;
          replace(answer);
        } else {
          state.textContent = "";
          if (error instanceof Refused) editor.point(error);
          replace(answer, trouble(error));
        }
      } finally {
        job = null;
        cancel.disabled = true;
        run.disabled = count.disabled = explain.disabled = false;
      }
    }

    function counted(found: Table): HTMLElement {
      return h("p", { class: "count" }, h("b", {}, number(found.page.rows[0]?.[0])), " matches");
    }

    function told(found: Table): HTMLElement {
      return h("div", {}, table(found, { caption: "Answer" }),
        found.sql ? h("details", {}, h("summary", {}, "The SQL that ran"), h("pre", {}, found.sql)) : null);
    }

    function explained(found: Table): HTMLElement {
      return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Plan" }, h("table", { class: "data plan" },
        h("thead", {}, h("tr", {}, found.columns.map((one) => h("th", { scope: "col" }, one.name)))),
        h("tbody", {}, found.page.rows.map((row) => h("tr", {}, row.map((cell, k) => h("td", {}, k === row.length - 1 ? h("pre", {}, String(cell)) : String(cell))))))));
    }

    function shelve(): void {
      const name = h("input", { type: "text", placeholder: "name", "aria-label": "Name of the query", size: 14 });
      const keep = h("button", { type: "button" }, "Keep");
      keep.addEventListener("click", () => {
        if (!name.value.trim() || !editor.text.trim()) return;
        const rest = kept().filter((one) => one.name !== name.value.trim());
        localStorage.setItem(KEPT, JSON.stringify([...rest, { name: name.value.trim(), text: editor.text, language }]));
        shelve();
      });
      replace(shelf,
        h("p", {}, "Examples: ", EXAMPLES.map(([title, text]) => {
          const take = h("button", { type: "button", class: "link" }, title);
          take.addEventListener("click", () => (editor.text = text));
          return [take, " "];
        })),
        h("p", {}, "Kept in this browser: ", kept().map((one) => {
          const drop = h("button", { type: "button", class: "link", "aria-label": `Forget ${one.name}`, title: "Forget" }, "×");
          drop.addEventListener("click", () => {
            localStorage.setItem(KEPT, JSON.stringify(kept().filter((other) => other.name !== one.name)));
            shelve();
          });
          return [h("a", { href: href("query", [], { text: one.text, language: one.language }) }, one.name), drop, " "];
        }), name, " ", keep));
    }

    shelve();
    main.append(
      h("h1", {}, "Query"), editor.element,
      h("div", { class: "bar" }, run, count, explain, cancel, labelled("Language", chooser), labelled("At most rows", limit), share),
      state, answer, h("details", { class: "beside", open: !editor.text }, h("summary", {}, "Examples and kept queries"), shelf));
    if (query.get("text") && query.get("run") !== "no") await work("run");
  },
};
