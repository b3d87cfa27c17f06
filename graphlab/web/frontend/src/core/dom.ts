/** Elements built from values. Text always goes in as text: nothing here, or elsewhere, parses HTML. */

export type Child = Node | string | number | null | undefined | false | Child[];
type Value = string | number | boolean | null | undefined | ((event: never) => unknown);
export type Attributes = Record<string, Value>;

function fill(element: Element, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) fill(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false) element.append(String(child));
  }
}

function dress(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value as EventListener);
    else if (name.startsWith("--")) (element as HTMLElement).style.setProperty(name, String(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** An HTML element: attributes, ``onclick`` and the like, custom properties (``--share``), children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  dress(element, attributes);
  fill(element, children);
  return element;
}

/** An SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  dress(element, attributes);
  fill(element, children);
  return element;
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  fill(element, children);
}

let last = 0;
/** An id that no other element has. */
export const fresh = (stem: string): string => `${stem}-${++last}`;

/** A control with its label. */
export function labelled(text: string, control: HTMLElement, attributes: Attributes = {}): HTMLLabelElement {
  return h("label", { class: "field", ...attributes }, h("span", {}, text), control);
}

export function choice(
  options: readonly (readonly [value: string, text: string])[],
  chosen: string,
  onchange: (value: string) => void,
  attributes: Attributes = {},
): HTMLSelectElement {
  const select: HTMLSelectElement = h(
    "select",
    { ...attributes, onchange: () => onchange(select.value) },
    ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  return select;
}

/** Numbers as people read them; all digits of whole ones. */
export function number(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e9) ? value.toExponential(3) : Number(value.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** Says something to everybody, readers of screens included. */
export function announce(text: string): void {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

export async function copy(text: string, said = "Copied"): Promise<void> {
  await navigator.clipboard.writeText(text);
  announce(said);
}
