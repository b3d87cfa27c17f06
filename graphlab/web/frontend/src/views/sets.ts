/** Saved sets of neurons: those of the graph, those of this browser, new ones from anything one can name or paste. */

import * as api from "../core/api.ts";
import { h, labelled, number } from "../core/dom.ts";
import { href } from "../core/router.ts";
import { dropSaved, keepOwn, keepSet, NAME, ownSets, writesSets } from "../core/own_sets.ts";
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
    const title = h("input", { type: "text", required: true, pattern: NAME, title: "letters, digits and _, a letter first, so that questions can say $name", size: 16 });
    const text = h("textarea", { rows: 4, cols: 50, required: true, placeholder: "ids, names, a type, or column=value, …" }, query.get("add") ?? "");
    const replace = h("input", { type: "checkbox" });
    const form = h("form", { class: "bar" }, labelled("Neurons", text, { class: "field wide" }), labelled("Name of the set", title), labelled("Replace", replace, { title: "A set of that name that is there already" }), h("button", { type: "submit", class: "first" }, "Keep"));
    const own = h("div", {});
    const writes = await writesSets();
    const tell = async (work: () => Promise<string>): Promise<void> => {
      try {
        said.replaceChildren(await work());
        listOwn();
        await listSaved();
      } catch (error) {
        said.replaceChildren(trouble(error));
      }
    };
    const listOwn = (): void => {
      const all = Object.entries(ownSets());
      own.replaceChildren(all.length ? h("ul", {}, all.map(([one, members]) => {
        const drop = h("button", { type: "button", class: "link", "aria-label": `Forget ${one}` }, "forget");
        drop.addEventListener("click", () => {
          keepOwn(one, null);
          listOwn();
        });
        const save = h("button", { type: "button", class: "link", "aria-label": `Save ${one} in the graph` }, "save in the graph");
        save.addEventListener("click", () => void tell(async () => {
          const told = await keepSet(one, members);
          keepOwn(one, null);
          return told;
        }));
        return h("li", {}, h("a", { href: href("sets", [one]) }, one), ` ${number(members.length)} neurons `, writes && save, drop);
      })) : h("p", { class: "none" }, "None yet."));
    };
    const saved = h("div", {});
    const listSaved = (): Promise<void> => fill(saved, async () => table(await api.get<api.Table>("sets"), {
      caption: "Saved sets", empty: "None yet.", cells: { name: (value) => {
        const remove = h("button", { type: "button", class: "link", "aria-label": `Remove ${String(value)} from the graph` }, "remove");
        remove.addEventListener("click", () => void tell(async () => {
          await dropSaved(String(value));
          return `${String(value)} is no longer in the graph; its neurons are.`;
        }));
        return [h("a", { href: href("sets", [String(value)]) }, String(value)), writes && [" ", remove]];
      } } }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void tell(async () => {
        const found = await api.ask("neurons", { who: who(text.value) });
        if (!found.rows) throw new Error("Nothing meets this: no set was kept.");
        return keepSet(title.value, await ids(found), replace.checked);
      });
    });
    listOwn();
    void listSaved();
    main.append(h("h1", {}, "Sets of neurons"), h("section", {}, h("h2", {}, "New set"), form, said),
      h("section", {}, h("h2", {}, "In the graph"), saved), h("section", {}, h("h2", {}, "In this browser"), own));
  },
};
