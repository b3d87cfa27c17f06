/** Saved sets of neurons: those of the graph, those of this browser, new ones from anything one can name or paste. */

import * as api from "../core/api.ts";
import { h, labelled, number } from "../core/dom.ts";
import { href } from "../core/router.ts";
import { keepOwn, keepSet, ownSets } from "../core/own_sets.ts";
import { table } from "../core/table.ts";
import { who } from "../core/who.ts";
import { actions, ids, sparse } from "../parts/neurons.ts";
import { fill, section, trouble } from "../parts/panel.ts";
import type { View } from "../main.ts";

export const view: View = {
  title: ({ rest }) => (rest[0] ? `Set ${rest[0]}` : "Sets"),
  async render(main, { rest, query }, signal) {
    const name = rest[0];
    if (name !== undefined) {
      const own = ownSets()[name];
      const members = own ?? (await api.get<{ root_ids: string[] }>(`sets/${encodeURIComponent(name)}`, {}, signal)).root_ids;
      main.append(h("h1", {}, `Set ${name}`), h("p", { class: "lead" }, `${number(members.length)} neurons, kept in ${own ? "this browser" : "the graph"}`),
        actions(members, `set:${name}`),
        section("Neurons", async () => {
          const found = await api.ask("neurons", { who: members }, { signal });
          return table(found, { hidden: sparse(found), caption: "Neurons of the set" });
        }));
      return;
    }
    const said = h("div", { role: "status" });
    const title = h("input", { type: "text", required: true, pattern: "[A-Za-z_]\\w*", title: "letters, digits and _, so that questions can say $name", size: 16 });
    const text = h("textarea", { rows: 4, cols: 50, required: true, placeholder: "ids, names, a type, or column=value, …" }, query.get("add") ?? "");
    const form = h("form", { class: "bar" }, labelled("Neurons", text, { class: "field wide" }), labelled("Name of the set", title), h("button", { type: "submit", class: "first" }, "Keep"));
    const own = h("div", {});
    const listOwn = (): void => {
      const all = Object.entries(ownSets());
      own.replaceChildren(all.length ? h("ul", {}, all.map(([one, members]) => {
        const drop = h("button", { type: "button", class: "link", "aria-label": `Forget ${one}` }, "forget");
        drop.addEventListener("click", () => {
          keepOwn(one, null);
          listOwn();
        });
        return h("li", {}, h("a", { href: href("sets", [one]) }, one), ` ${number(members.length)} neurons `, drop);
      })) : h("p", { class: "none" }, "None yet."));
    };
    const saved = h("div", {});
    const listSaved = (): Promise<void> => fill(saved, async () => table(await api.get<api.Table>("sets"), {
      caption: "Saved sets", empty: "None yet.", cells: { name: (value) => h("a", { href: href("sets", [String(value)]) }, String(value)) } }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void (async () => {
        try {
          const found = await api.ask("neurons", { who: who(text.value) });
          if (!found.rows) throw new Error("Nothing meets this: no set was kept.");
          said.replaceChildren(await keepSet(title.value, await ids(found)));
          listOwn();
          await listSaved();
        } catch (error) {
          said.replaceChildren(trouble(error));
        }
      })();
    });
    listOwn();
    void listSaved();
    main.append(h("h1", {}, "Sets of neurons"), h("section", {}, h("h2", {}, "New set"), form, said),
      h("section", {}, h("h2", {}, "In the graph"), saved), h("section", {}, h("h2", {}, "In this browser"), own));
  },
};
