/** Neurons as people type them: an id, name, type or set; several with commas; column=value, column=value;
 * set:NAME, where a set of this browser comes before one of the graph; or JSON. */

import * as api from "./api.ts";
import type { Cell, Who } from "./api.ts";
import { fresh, h } from "./dom.ts";
import { ownSets } from "./own_sets.ts";

export function who(text: string): Who {
  const said = text.trim();
  if (!said) return null;
  const set = /^set:(\w+)$/.exec(said)?.[1];
  if (set !== undefined) return ownSets()[set] ?? { in_set: set };
  if (/^["[{]/.test(said)) {
    try {
      return JSON.parse(said) as Who;
    } catch {
      // A name may begin like that, too.
    }
  }
  const parts = said.split(/[,;\n]+/).map((part) => part.trim()).filter(Boolean);
  if (parts.every((part) => /^[A-Za-z_]\w*\s*=/.test(part))) {
    const criteria: Record<string, Cell> = {};
    for (const part of parts) {
      const [, column = "", value = ""] = /^(\w+)\s*=\s*(.*)$/.exec(part) ?? [];
      const before = criteria[column];
      criteria[column] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    }
    return criteria;
  }
  const several = parts.flatMap((part) => (/^[\d\s]+$/.test(part) ? part.split(/\s+/) : [part]));
  return several.length === 1 ? (several[0] ?? null) : several;
}

/** A text that ``who`` reads as the same neurons; JSON where a name has signs that mean something there. */
export function spoken(neurons: Who): string {
  const plain = (text: Cell): boolean => typeof text === "string" && /^[^,;=\n"[{\s][^,;=\n]*$/.test(text) && text === text.trim();
  if (neurons === null) return "";
  if (typeof neurons === "string") return plain(neurons) ? neurons : JSON.stringify(neurons);
  if (Array.isArray(neurons)) return neurons.length > 1 && neurons.every(plain) && !neurons.some((one) => /^[\d ]+ /.test(one)) ? neurons.join(", ") : JSON.stringify(neurons);
  const entries = Object.entries(neurons);
  return entries.every(([, value]) => plain(value)) ? entries.map(([name, value]) => `${name}=${String(value)}`).join(", ") : JSON.stringify(neurons);
}

/** A text field for neurons that offers types, names and sets as one types. */
export function whoField(value: string, attributes: Record<string, string | boolean> = {}): { field: HTMLInputElement; parts: HTMLElement } {
  const list = h("datalist", { id: fresh("who") });
  const field = h("input", { type: "text", value, list: list.id, autocomplete: "off", spellcheck: "false", placeholder: "id, name, type, set, or column=value", ...attributes });
  let waiting = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    const word = (field.value.split(/[,;]/).at(-1) ?? "").trim();
    if (!word || /^\d+$/.test(word)) return;
    waiting = window.setTimeout(() => void offer(word), 120);
  });
  async function offer(word: string): Promise<void> {
    try {
      const [column, part] = word.includes("=") ? (word.split("=", 2) as [string, string]) : ["cell_type", word];
      const before = field.value.slice(0, field.value.length - word.length);
      const { values } = await api.get<{ values: { value: string; neurons: number }[] }>("values", { column: column.trim(), prefix: part.trim(), limit: 20 });
      const lead = word.includes("=") ? `${column}=` : "";
      list.replaceChildren(...values.map((one) => h("option", { value: `${before}${lead}${one.value}` }, `${one.neurons} neurons`)));
    } catch {
      list.replaceChildren(); // no such column yet: nothing to offer
    }
  }
  return { field, parts: h("span", { class: "who" }, field, list) };
}
