/** Addresses: /g/GRAPH/VIEW/ARGUMENTS?controls. Everything that a view shows can be found again by its address. */

export interface Place { graph: string; view: string; rest: string[]; query: URLSearchParams }

export function here(): Place {
  const parts = location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  const [first, graph = "", view = "home", ...rest] = parts;
  return { graph: first === "g" ? graph : "", view, rest, query: new URLSearchParams(location.search) };
}

/** Settings that travel from view to view. */
export const KEPT = ["min_weight", "min_score", "kind", "compartment"] as const;

export function href(view: string, rest: readonly string[] = [], query: Record<string, string> = {}): string {
  const { graph, query: now } = here();
  const search = new URLSearchParams();
  for (const name of KEPT) {
    const value = now.get(name);
    if (value) search.set(name, value);
  }
  for (const [name, value] of Object.entries(query)) {
    if (value) search.set(name, value);
    else search.delete(name);
  }
  const path = ["g", graph, view, ...rest].map(encodeURIComponent).join("/");
  const text = search.toString();
  return `/${path}${text ? `?${text}` : ""}`;
}

/** The same view of another graph, with the settings; what is about one data set alone, such as a run, is left. */
export function elsewhere(graph: string): string {
  const { view, rest } = here();
  const same = view === "results" ? [] : rest;
  return `/${["g", graph, view, ...same].map(encodeURIComponent).join("/")}${view === "results" ? "" : location.search}`;
}

let draw: () => void = () => undefined;

export function go(to: string, keep = false): void {
  if (keep) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  draw();
}

/** Change the settings in the address; the view is drawn again unless ``quiet``. */
export function settle(changes: Record<string, string>, quiet = false): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, "", url);
  if (!quiet) draw();
}

export function start(render: () => void): void {
  draw = render;
  addEventListener("popstate", render);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!link.pathname.startsWith("/g/")) return;
    event.preventDefault();
    go(link.href);
  });
  render();
}
