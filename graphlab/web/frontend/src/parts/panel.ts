/** A part of a view that asks the server for itself, and says so while it waits and when it fails. */

import * as api from "../core/api.ts";
import { h, replace, type Child } from "../core/dom.ts";

export function trouble(error: unknown): HTMLElement {
  const said = error instanceof api.Refused ? error : null;
  return h("div", { class: "trouble", role: "alert" },
    said && said.shown.includes("\n") ? h("pre", {}, said.shown) : h("p", {}, error instanceof Error ? error.message : String(error)),
    said?.hint && !said.shown.includes(said.hint) ? h("p", {}, said.hint) : null);
}

/** Fill an element with what comes; a later call of ``fill`` on the same element wins. */
export async function fill(place: HTMLElement, make: () => Promise<Child>): Promise<void> {
  const mine = String(Math.random());
  place.dataset["wanted"] = mine;
  place.setAttribute("aria-busy", "true");
  const waiting = h("p", { class: "waiting" }, "…");
  if (!place.childElementCount) place.append(waiting);
  let made: Child;
  try {
    made = await make();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    made = trouble(error);
  }
  if (place.dataset["wanted"] !== mine) return;
  place.removeAttribute("aria-busy");
  replace(place, made);
}

export function section(title: string, make: () => Promise<Child>, ...beside: Child[]): HTMLElement {
  const body = h("div", { class: "body" });
  void fill(body, make);
  return h("section", {}, h("div", { class: "head" }, h("h2", {}, title), beside), body);
}

/** Tabs of which one is shown; its content is made when it is first asked for. */
export function tabs(label: string, parts: readonly (readonly [name: string, make: () => Promise<Child>])[]): HTMLElement {
  const body = h("div", { class: "body", role: "tabpanel", tabindex: 0 });
  const made = new Map<string, HTMLElement>();
  const buttons = parts.map(([name, make], index) => {
    const button = h("button", { type: "button", role: "tab", "aria-selected": "false", tabindex: -1 }, name);
    button.addEventListener("click", () => show(index));
    return { name, make, button };
  });
  function show(index: number): void {
    const chosen = buttons[index];
    if (!chosen) return;
    for (const one of buttons) {
      one.button.setAttribute("aria-selected", String(one === chosen));
      one.button.tabIndex = one === chosen ? 0 : -1;
    }
    let content = made.get(chosen.name);
    if (!content) {
      content = h("div", {});
      made.set(chosen.name, content);
      void fill(content, chosen.make);
    }
    body.setAttribute("aria-label", chosen.name);
    body.replaceChildren(content);
  }
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label }, buttons.map(({ button }) => button));
  list.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const at = buttons.findIndex(({ button }) => button === document.activeElement);
    const next = (at + step + buttons.length) % buttons.length;
    show(next);
    buttons[next]?.button.focus();
  });
  show(0);
  return h("div", {}, list, body);
}
