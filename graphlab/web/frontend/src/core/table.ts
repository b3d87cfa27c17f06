/** A table over an answer that the server keeps: sorted, filtered and paged there, downloaded from there. */

import * as api from "./api.ts";
import type { Cell, Column, Order, Table } from "./api.ts";
import { announce, choice, fresh, h, labelled, number, percent, replace, type Child } from "./dom.ts";
import { href } from "./router.ts";

export interface Shown {
  /** Columns of fractions that get a bar and a per cent sign. */
  shares?: readonly string[];
  hidden?: readonly string[];
  titles?: Readonly<Record<string, string>>;
  /** What stands in a cell instead of its value. */
  cells?: Readonly<Record<string, (value: Cell, row: (name: string) => Cell) => Child>>;
  /** Columns that stand before the others. */
  first?: readonly string[];
  order?: Order;
  size?: number;
  caption?: string;
  empty?: string;
}

const FORMATS = ["csv", "parquet", "arrow", "xlsx", "json"] as const;
const numeric = (column: Column): boolean => /^(u?int|double|float)/.test(column.type) && column.type !== "uint64";

const IDS = /(^|_)root_id(_|$)|^neuron_\d+$/;
const TYPES = /^cell_type(_pre|_post)?$/;

/** Whether a value stands on one line. */
const short = (value: Cell): boolean => typeof value !== "object" && String(value).length <= 28;

/** A cell with links: ids lead to neurons, types to types. */
function plain(column: Column, value: Cell): Child {
  if (value === null) return h("span", { class: "none", title: "not known" }, "–");
  if (column.type === "uint64" && typeof value === "string") {
    return IDS.test(column.name) || !column.name.includes("_") ? h("a", { href: href("neuron", [value]) }, value) : value;
  }
  if (TYPES.test(column.name) && typeof value === "string") return h("a", { href: href("type", [value]) }, value);
  if (typeof value === "number") return number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function bar(value: Cell): Child {
  if (typeof value !== "number") return "–";
  return h("span", { class: "share", "--share": Math.max(0, Math.min(1, value)) }, percent(value));
}

export function table(answer: Table, shown: Shown = {}): HTMLElement {
  const size = shown.size ?? 50;
  let start = 0;
  let order: Order | null = shown.order ?? null;
  let filter = "";
  let matching = answer.rows;
  let wanted = 0;
  const columns = answer.columns.map((column, index) => ({ column, index })).filter(({ column }) => !shown.hidden?.includes(column.name));
  const rank = (name: string): number => ((shown.first?.indexOf(name) ?? -1) + 1 || columns.length + 1);
  columns.sort((a, b) => rank(a.column.name) - rank(b.column.name) || a.index - b.index);
  const at = new Map(answer.columns.map((column, index) => [column.name, index]));

  const heads = columns.map(({ column }) => {
    const arrow = h("span", { class: "arrow", "aria-hidden": "true" });
    const button = h("button", { type: "button", class: "sort", title: `Sort by ${column.name} (${column.type})` }, shown.titles?.[column.name] ?? column.name, arrow);
    const head = h("th", { scope: "col", class: numeric(column) ? "number" : "" }, button);
    button.addEventListener("click", () => {
      if (order?.column !== column.name) order = { column: column.name, descending: numeric(column) };
      else if (order.descending === numeric(column)) order = { column: column.name, descending: !order.descending };
      else order = null;
      start = 0;
      mark();
      void load();
    });
    return { column, head, arrow };
  });
  function mark(): void {
    for (const { column, head, arrow } of heads) {
      const mine = order?.column === column.name ? order : null;
      head.setAttribute("aria-sort", mine ? (mine.descending ? "descending" : "ascending") : "none");
      replace(arrow, mine ? (mine.descending ? " ▾" : " ▴") : "");
    }
  }
  const body = h("tbody");
  const label = shown.caption ?? "Answer";
  const scroller = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label });
  scroller.append(h("table", { class: "data" }, h("caption", { class: "unseen" }, label), h("thead", {}, h("tr", {}, heads.map(({ head }) => head))), body));
  const where = h("span", { class: "where" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const step = (text: string, name: string, to: () => number): HTMLButtonElement => {
    const button = h("button", { type: "button", class: "step", "aria-label": name, title: name }, text);
    button.addEventListener("click", () => {
      start = Math.max(0, to());
      void load();
    });
    return button;
  };
  const first = step("«", "First page", () => 0);
  const back = step("‹", "Page before", () => start - size);
  const on = step("›", "Next page", () => start + size);
  const end = step("»", "Last page", () => Math.floor(Math.max(0, matching - 1) / size) * size);
  const box = h("input", { type: "search", placeholder: "text in any column", id: fresh("filter"), size: 16 });
  let waiting = 0;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      filter = box.value;
      start = 0;
      void load();
    }, 200);
  });
  const downloads = h("span", { class: "downloads" }, "Download ");
  const offer = (): void =>
    replace(downloads, "Download ", FORMATS.map((format) => [
      h("a", {
        href: api.address(`results/${answer.result}/file`, { format, sort: order?.column, descending: order?.descending, filter }),
        download: true,
      }, format === "csv" ? "CSV" : format === "xlsx" ? "Excel" : format === "json" ? "JSON" : format === "arrow" ? "Arrow" : "Parquet"), " ",
    ]));

  function show(found: Cell[][]): void {
    replace(body, found.map((row) => {
      const value = (name: string): Cell => row[at.get(name) ?? -1] ?? null;
      return h("tr", {}, columns.map(({ column, index }) => {
        const cell = row[index] ?? null;
        const made = shown.cells?.[column.name];
        const share = shown.shares?.includes(column.name);
        return h("td", { class: numeric(column) ? "number" : short(cell) ? "short" : "" }, made ? made(cell, value) : share ? bar(cell) : plain(column, cell));
      }));
    }));
    if (!found.length) body.append(h("tr", {}, h("td", { colspan: columns.length, class: "none" }, filter ? "No row has this text." : (shown.empty ?? "No rows."))));
    const last = Math.min(start + size, matching);
    const of = filter ? `${number(matching)} of ${number(answer.rows)} rows` : `${number(answer.rows)} row${answer.rows === 1 ? "" : "s"}`;
    replace(where, matching > size ? `${number(start + 1)} to ${number(last)} of ${of}` : of);
    first.disabled = back.disabled = start === 0;
    on.disabled = end.disabled = last >= matching;
    offer();
  }

  async function load(): Promise<void> {
    const mine = ++wanted;
    try {
      const found = await api.rows(answer.result, start, size, order, filter);
      if (mine !== wanted) return; // a later wish overtook this one
      matching = found.total;
      trouble.hidden = true;
      show(found.rows);
      announce(where.textContent ?? "");
    } catch (error) {
      trouble.hidden = false;
      trouble.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  const notes = [
    ...(answer.truncated ? [`The row limit cut this answer: these are the first ${number(answer.rows)} rows, and there are more.`] : []),
    ...(answer.notes ?? []),
  ];
  mark();
  if (order) void load();
  else show(answer.page.rows.slice(0, size));
  const few = answer.rows <= 8;
  return h("div", { class: "table" },
    notes.length > 0 && h("ul", { class: "notes" }, notes.map((note) => h("li", {}, note))),
    trouble, scroller,
    h("div", { class: "below" }, where, !few && labelled("Filter", box), answer.rows > size && h("span", { class: "steps" }, first, back, on, end), downloads));
}

/** How many rows a page has, for views that let people choose. */
export function sizes(chosen: number, change: (size: number) => void): HTMLElement {
  return labelled("Rows", choice([25, 50, 100, 500].map((n) => [String(n), String(n)]), String(chosen), (value) => change(Number(value))));
}
