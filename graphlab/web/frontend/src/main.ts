/** The frame around every view: where one is, where one can go, the search, the settings. */

import "./page.css";
import * as api from "./core/api.ts";
import { choice, h, replace } from "./core/dom.ts";
import { elsewhere, go, here, href, start, type Place } from "./core/router.ts";
import { bar } from "./core/settings.ts";
import { trouble } from "./parts/panel.ts";

export interface View { title: (place: Place) => string; render: (main: HTMLElement, place: Place, signal: AbortSignal) => void | Promise<void> }
type Entry = readonly [view: string, title: string, load: () => Promise<View>, settings: boolean];

/** In the order of the menu; those without a title are reached by links. */
const VIEWS: readonly Entry[] = [
  ["home", "Overview", () => import("./views/home.ts").then((m) => m.view), false],
  ["query", "Query", () => import("./views/query.ts").then((m) => m.view), false],
  ["motif", "Draw a motif", () => import("./views/motif.ts").then((m) => m.view), false],
  ["motifs", "Motif classes", () => import("./views/motifs.ts").then((m) => m.view), true],
  ["network", "Network", () => import("./views/network.ts").then((m) => m.view), true],
  ["types", "Types", () => import("./views/types.ts").then((m) => m.view), true],
  ["paths", "Paths", () => import("./views/paths.ts").then((m) => m.view), true],
  ["map", "Embedding map", () => import("./views/map.ts").then((m) => m.view), false],
  ["sets", "Sets", () => import("./views/sets.ts").then((m) => m.view), false],
  ["results", "Results", () => import("./views/results.ts").then((m) => m.view), false],
  ["neuron", "", () => import("./views/neuron.ts").then((m) => m.view), true],
  ["type", "", () => import("./views/type.ts").then((m) => m.view), true],
  ["connection", "", () => import("./views/connection.ts").then((m) => m.view), true],
  ["search", "", () => import("./views/search.ts").then((m) => m.view), false],
];

const main = h("main", { id: "main", tabindex: -1 });
const settingsPlace = h("div", { class: "settings-place" });
const menu = h("nav", { "aria-label": "Views", id: "views" });
const graphPlace = h("span", { class: "graph" });
const box = h("input", { type: "search", name: "text", placeholder: "Search neurons: id, name, type …", "aria-label": "Search neurons", autocomplete: "off" });

function theme(): HTMLElement {
  const NAMES = { "": "System", light: "Light", dark: "Dark" } as const;
  const apply = (value: string): void => {
    if (value) document.documentElement.dataset["theme"] = value;
    else delete document.documentElement.dataset["theme"];
  };
  const kept = localStorage.getItem("theme") ?? "";
  apply(kept);
  return choice(Object.entries(NAMES), kept, (value) => {
    localStorage.setItem("theme", value);
    apply(value);
    dispatchEvent(new Event("theme"));
  }, { "aria-label": "Colours", title: "Colours" });
}

function frame(): void {
  const find = h("form", { role: "search", class: "find" }, box);
  find.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (text) go(/^\d{3,20}$/.test(text) ? href("neuron", [text]) : href("search", [], { text }));
  });
  const open = h("button", { type: "button", class: "menu", "aria-expanded": "false", "aria-controls": "views" }, "Menu");
  open.addEventListener("click", () => {
    const shown = document.body.classList.toggle("menu-open");
    open.setAttribute("aria-expanded", String(shown));
  });
  document.body.append(
    h("a", { class: "skip", href: "#main" }, "To the content"),
    h("header", {}, h("a", { class: "brand", href: "/" }, "graphlab"), graphPlace, find, open, theme()),
    menu, h("div", { class: "page" }, settingsPlace, main), h("p", { id: "said", class: "unseen", role: "status", "aria-live": "polite" }));
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable], .editor");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      box.focus();
    }
  });
}

let drawing: AbortController | null = null;
let drawn = "";

async function render(): Promise<void> {
  drawing?.abort();
  const mine = (drawing = new AbortController());
  document.body.classList.remove("menu-open");
  try {
    const place = here();
    const { graphs } = await api.server();
    const first = graphs[0];
    if (!place.graph && first !== undefined) {
      history.replaceState(null, "", `/g/${encodeURIComponent(first)}/home`);
      return await render();
    }
    if (!graphs.includes(place.graph)) throw new Error(`This server shows ${graphs.join(", ")}, and no graph ${place.graph || "at all"}.`);
    api.setGraph(place.graph);
    replace(graphPlace, graphs.length > 1
      ? choice(graphs.map((name) => [name, name]), place.graph, (name) => go(elsewhere(name)), { "aria-label": "Graph" })
      : place.graph);
    replace(menu, VIEWS.filter(([, title]) => title).map(([name, title]) =>
      h("a", { href: href(name), "aria-current": name === place.view ? "page" : null }, title)));
    const entry = VIEWS.find(([name]) => name === place.view);
    if (!entry) throw new Error(`There is no view ${place.view} here.`);
    const [, , load, settings] = entry;
    const [view, controls] = await Promise.all([load(), settings ? bar() : null]);
    if (mine.signal.aborted) return;
    document.title = `${view.title(place)} · ${place.graph} · graphlab`;
    replace(settingsPlace, controls);
    // A place of its own, so that a view which was left while it waited writes where nobody looks.
    const shown = h("div", {});
    main.replaceChildren(shown);
    await view.render(shown, place, mine.signal);
    if (mine.signal.aborted) return;
    const now = location.pathname;
    if (drawn && drawn !== now) main.focus({ preventScroll: true });
    if (drawn !== now) scrollTo(0, 0);
    drawn = now;
    main.dataset["view"] = place.view;
  } catch (error) {
    if (!mine.signal.aborted) replace(main, h("h1", {}, "This cannot be shown"), trouble(error));
  }
}

frame();
start(() => void render());
