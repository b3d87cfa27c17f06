/** Neurons and the connections among them, with their heaviest partners where asked for. */

import * as api from "../core/api.ts";
import { choice, h, labelled, number } from "../core/dom.ts";
import { go, href } from "../core/router.ts";
import { settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { who, whoField } from "../core/who.ts";
import { network } from "../parts/graph.ts";
import { actions, column } from "../parts/neurons.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

/** Connections that are drawn; more could not be told apart. */
const MOST = 1000;

export const view: View = {
  title: () => "Network",
  render(main, { query }, signal) {
    const text = query.get("who") ?? "";
    const partners = query.get("partners") ?? "10";
    const { field, parts } = whoField(text, { required: true });
    const several = choice([["0", "none"], ["5", "5 each way"], ["10", "10 each way"], ["25", "25 each way"]], partners, () => undefined);
    const form = h("form", { class: "bar" }, labelled("Neurons", parts), labelled("Partners", several), h("button", { type: "submit", class: "first" }, "Draw"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      go(href("network", [], { who: field.value.trim(), partners: several.value }));
    });
    main.append(h("h1", {}, "Network"), form);
    if (!text) {
      main.append(h("p", { class: "lead" }, "Name neurons, a type or a saved set: their connections with each other are drawn, and their heaviest partners."));
      return;
    }
    main.append(section("Drawn", async () => {
      const chosen = await api.ask("neurons", { who: who(text) }, { signal, first: 300 });
      if (!chosen.rows) return h("p", { class: "none" }, "No such neuron.");
      const all = new Map<string, { label: string; group: string; chosen: boolean }>();
      const add = (found: api.Table, mine: boolean): void => {
        const [ids, names, types] = ["root_id", "name", "cell_type"].map((name) => column(found, name));
        ids?.forEach((id, k) => {
          const type = names?.[k] ?? types?.[k];
          if (!all.has(String(id))) all.set(String(id), { label: type ? String(type) : String(id), group: String(types?.[k] ?? ""), chosen: mine });
        });
      };
      add(chosen, true);
      const own = [...all.keys()];
      const most = Number(partners);
      for (const direction of most ? (["in", "out"] as const) : []) {
        add(await api.ask("partners", { who: own, direction, ...settings() }, { signal, first: most }), false);
      }
      const ids = [...all.keys()];
      const found = await api.ask("connections", { pre: ids, post: ids, ...settings() }, { signal, first: MOST });
      const [pre, post, weight] = ["pre_root_id", "post_root_id", "weight"].map((name) => column(found, name));
      const links = (pre ?? []).map((id, k) => ({ source: String(id), target: String(post?.[k]), weight: Number(weight?.[k]) }));
      const left = [
        chosen.rows > own.length ? `${number(chosen.rows - own.length)} of the ${number(chosen.rows)} neurons are not drawn` : "",
        found.rows > links.length ? `the ${number(found.rows - links.length)} lightest of ${number(found.rows)} connections are not drawn` : "",
      ].filter(Boolean);
      return [
        actions(own),
        left.length > 0 && h("ul", { class: "notes" }, h("li", {}, `${left.join("; ")}.`)),
        network(ids.map((id) => ({ id, ...(all.get(id) ?? { label: id, group: "", chosen: false }) })), links, (id) => go(href("neuron", [id])), "Network"),
        table(found, { caption: "Connections of the network" }),
      ];
    }));
  },
};
