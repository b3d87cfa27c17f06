/** One cell type: its neurons, and whom they talk with, taken together. */

import * as api from "../core/api.ts";
import { h } from "../core/dom.ts";
import { table } from "../core/table.ts";
import { actions, sparse } from "../parts/neurons.ts";
import { section } from "../parts/panel.ts";
import { partners, profile } from "./neuron.ts";
import type { View } from "../main.ts";

export const view: View = {
  title: ({ rest }) => `Type ${rest[0] ?? ""}`,
  async render(main, { rest }, signal) {
    const type = rest[0] ?? "";
    const who = { cell_type: type };
    const words = await api.words();
    const found = await api.ask("neurons", { who }, { signal });
    main.append(
      h("h1", {}, type),
      h("p", { class: "lead" }, `${found.rows} neuron${found.rows === 1 ? "" : "s"} of this type`),
      actions(who),
      h("div", { class: "two" }, section("Inputs", () => partners(who, "in", words)), section("Outputs", () => partners(who, "out", words))),
      section("Neurons", async () => table(found, { hidden: sparse(found), caption: "Neurons of the type", empty: "There is no neuron of this type." })),
    );
    if (words.has["neuropils"] === true) main.append(section("Neuropils", () => profile(who)));
  },
};
