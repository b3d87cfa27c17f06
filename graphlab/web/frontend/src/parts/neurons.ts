/** What views share that list neurons. */

import * as api from "../core/api.ts";
import type { Cell, Table } from "../core/api.ts";
import { copy, h, type Child } from "../core/dom.ts";
import { href } from "../core/router.ts";
import { spoken } from "../core/who.ts";
import { trouble } from "./panel.ts";

/** Columns that no row has a value in; none where not all rows are at hand. */
export function sparse(found: Table): string[] {
  return found.columns.filter((_, k) => found.rows === found.page.rows.length && found.rows > 0 && found.page.rows.every((row) => row[k] === null)).map((column) => column.name);
}

export const column = (found: Table, name: string): Cell[] => {
  const at = found.columns.findIndex((one) => one.name === name);
  return found.page.rows.map((row) => row[at] ?? null);
};

/** A row as a dictionary. */
export const row = (found: Table, k: number): Record<string, Cell> =>
  Object.fromEntries(found.columns.map((one, at) => [one.name, found.page.rows[k]?.[at] ?? null]));

/** The whole of a column of ids, however many pages. */
export async function ids(found: Table, name = "root_id"): Promise<string[]> {
  const at = found.columns.findIndex((one) => one.name === name);
  const all: string[] = [];
  while (all.length < found.rows) {
    const page = await api.rows(found.result, all.length, 1000, null, "");
    if (!page.rows.length) break;
    all.push(...page.rows.map((one) => String(one[at])));
  }
  return all;
}

/** Neuroglancer, network, query: what one does with neurons. */
export function actions(who: api.Who, text: string = spoken(who)): HTMLElement {
  const place = h("span", { class: "linked" });
  const glance = h("button", { type: "button" }, "Neuroglancer");
  glance.addEventListener("click", async () => {
    try {
      const { text: address } = await api.ask<{ text: string }>("sets/link", { who });
      const link = h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "open the view");
      const take = h("button", { type: "button" }, "copy its address");
      take.addEventListener("click", () => void copy(address, "Address copied"));
      place.replaceChildren(link, " ", take);
      link.focus();
    } catch (error) {
      place.replaceChildren(trouble(error));
    }
  });
  return h("p", { class: "actions" },
    h("a", { class: "button", href: href("network", [], { who: text }) }, "Network"),
    h("a", { class: "button", href: href("paths", [], { from: text }) }, "Paths from here"),
    h("a", { class: "button", href: href("sets", [], { add: text }) }, "Keep as a set"),
    glance, place);
}

export const neuronLink = (id: Cell, name?: Cell): Child =>
  id === null ? "–" : h("a", { href: href("neuron", [String(id)]) }, name ? `${String(name)}` : String(id));
