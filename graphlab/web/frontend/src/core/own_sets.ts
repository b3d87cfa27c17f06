/** Sets kept in this browser, where the server does not write into the graph. */

import * as api from "./api.ts";

/** What a set may be called, so that questions can say $name. */
export const NAME = "[A-Za-z][A-Za-z0-9_]*";
const key = (): string => `sets of ${api.currentGraph()}`;

export function ownSets(): Record<string, string[]> {
  try {
    // Without a prototype: a set may be called "constructor".
    return Object.assign(Object.create(null), JSON.parse(localStorage.getItem(key()) ?? "{}")) as Record<string, string[]>;
  } catch {
    return {};
  }
}

export function keepOwn(name: string, ids: readonly string[] | null): void {
  const all = ownSets();
  if (ids === null) delete all[name];
  else all[name] = [...ids];
  localStorage.setItem(key(), JSON.stringify(all));
}

/** Whether sets go into the graph: the server was started with --write-sets. */
export const writesSets = async (): Promise<boolean> => (await api.server()).writes_sets.includes(api.currentGraph());

const address = (name: string): string => `sets/${encodeURIComponent(name)}`;

/** Keep neurons as a set: in the graph where the server may write, else in this browser. Says where. */
export async function keepSet(name: string, ids: readonly string[], replace = false): Promise<string> {
  if (!(await writesSets())) {
    if (!replace && ownSets()[name]) throw new Error(`A set called ${name} is kept in this browser already; replace it, or choose another name.`);
    keepOwn(name, ids);
    return `${ids.length} neurons kept as ${name} in this browser; graphlab serve --write-sets keeps sets in the graph.`;
  }
  await api.ask(address(name), { who: ids, replace }, { method: "PUT" });
  api.forgetWords();
  return `${ids.length} neurons saved as ${name} in the graph.`;
}

export async function dropSaved(name: string): Promise<void> {
  await api.ask(address(name), {}, { method: "DELETE" });
  api.forgetWords();
}

/** Sets of this browser that a question names as $name, as its parameters: those of the graph are known to the server. */
export function named(text: string): Record<string, string[]> {
  const own = ownSets();
  return Object.fromEntries(Object.keys(own).filter((name) => new RegExp(`\\$${name}\\b`).test(text)).map((name) => [name, own[name] ?? []]));
}
