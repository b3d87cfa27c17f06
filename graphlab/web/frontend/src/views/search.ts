/** Neurons whose columns hold all of some words. */

import * as api from "../core/api.ts";
import { h } from "../core/dom.ts";
import { href } from "../core/router.ts";
import { table } from "../core/table.ts";
import { section } from "../parts/panel.ts";
import { sparse } from "../parts/neurons.ts";
import type { View } from "../main.ts";

export const view: View = {
  title: ({ query }) => `Search ${query.get("text") ?? ""}`,
  async render(main, { query }, signal) {
    const text = query.get("text") ?? "";
    main.append(
      h("h1", {}, `Neurons with “${text}”`),
      section("Types", async () => {
        const { values } = await api.get<{ values: { value: string; neurons: number }[] }>("values", { column: "cell_type", prefix: text, limit: 30 }, signal);
        return values.length
          ? h("p", { class: "tags" }, values.map((one) => h("a", { href: href("type", [one.value]) }, one.value, " ", h("small", {}, String(one.neurons)))))
          : h("p", { class: "none" }, "No type begins with this.");
      }),
      section("Neurons", async () => {
        const found = await api.ask("neurons", { search: text }, { signal });
        return table(found, { hidden: sparse(found), caption: "Neurons found", empty: "No neuron has all of these words." });
      }),
    );
  },
};
