/** Sets kept in this browser, where the server does not write into the graph. */

import * as api from "./api.ts";

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

/** Keep neurons as a set: in the graph where the server may write, else in this browser. Says where. */
export async function keepSet(name: string, ids: readonly string[]): Promise<string> {
  const { read_only } = await api.server();
  if (read_only) {
    keepOwn(name, ids);
    return `${ids.length} neurons kept as ${name} in this browser; the server is open for reading only.`;
  }
  await api.ask(`sets/${encodeURIComponent(name)}`, { who: ids, replace: true }, { method: "PUT" });
  api.forgetWords();
  return `${ids.length} neurons saved as ${name} in the graph.`;
}
