/** One connection, and the other way: weights, neuropils, single synapses. */

import * as api from "../core/api.ts";
import { h, number } from "../core/dom.ts";
import { href } from "../core/router.ts";
import { info, scored, scoreNote, settings } from "../core/settings.ts";
import { table } from "../core/table.ts";
import { actions, neuronLink, row } from "../parts/neurons.ts";
import { section } from "../parts/panel.ts";
import type { View } from "../main.ts";

export const view: View = {
  title: ({ rest }) => `Connection ${rest[0] ?? ""} to ${rest[1] ?? ""}`,
  async render(main, { rest }, signal) {
    const [pre = "", post = ""] = rest;
    const [words, about] = await Promise.all([api.words(), info()]);
    const [there, back] = await Promise.all([[pre, post], [post, pre]].map(([a, b]) =>
      api.ask("connections", { pre: a, post: b, ...settings(), fractions: true }, { signal })));
    const weight = (found: api.Table | undefined): string => (found?.rows ? number(row(found, 0)["weight"]) : "no connection");
    main.append(
      h("h1", {}, "Connection"),
      h("p", { class: "lead" }, neuronLink(pre), " → ", neuronLink(post), `: ${weight(there)}; back: `,
        back?.rows ? h("a", { href: href("connection", [post, pre]) }, weight(back)) : weight(back)),
      actions([pre, post]),
    );
    if (there) main.append(section("Weight and fractions", async () => table(there, { caption: "The connection", shares: there.columns.map((c) => c.name).filter((name) => name.startsWith("fraction")), empty: "There is no such connection." })));
    if (words.has["neuropils"] === true && settings().kind === "chemical" && !settings().compartment) {
      main.append(section("By neuropil", async () => table(await api.ask("connections", { pre, post, min_weight: 0, kind: "chemical", by_neuropil: true }), { caption: "By neuropil", hidden: ["pre_root_id", "post_root_id"] })));
    }
    if (words.has["single_synapses"] === true) {
      main.append(section("Synapses", async () => [scoreNote(about) && h("p", { class: "lead" }, scoreNote(about)), table(await api.ask("synapses/between", { pre, post, kind: settings().kind, ...scored() }), { caption: "Synapses", hidden: ["pre_root_id", "post_root_id"] })]));
    }
  },
};
