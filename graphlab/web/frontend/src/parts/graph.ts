/** A network drawn by cytoscape, in the page's own colours. */

import cytoscape, { type Core, type ElementDefinition, type StylesheetJson } from "cytoscape";
import fcose from "cytoscape-fcose";
import { choice, h, labelled } from "../core/dom.ts";

cytoscape.use(fcose);

export interface Node { id: string; label: string; group: string; chosen?: boolean }
export interface Link { source: string; target: string; weight: number }

const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1"];
const REST = "#7f7f7f";
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Groups with colours of their own are the largest ones. */
export function groupColours(groups: Iterable<string>): Map<string, string> {
  const counts = new Map<string, number>();
  for (const group of groups) if (group) counts.set(group, (counts.get(group) ?? 0) + 1);
  const largest = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return new Map(largest.slice(0, PALETTE.length).map(([group], k) => [group, PALETTE[k] ?? REST]));
}

function style(): StylesheetJson {
  return [
    { selector: "node", style: { label: "data(label)", "background-color": "data(colour)", color: colour("--ink"), "font-size": 11, "text-outline-color": colour("--paper"), "text-outline-width": 2, "text-valign": "top", "text-margin-y": -2, width: 18, height: 18 } },
    { selector: "node[?chosen]", style: { width: 28, height: 28, "border-width": 3, "border-color": colour("--ink") } },
    { selector: "edge", style: { "curve-style": "bezier", "target-arrow-shape": "triangle", "arrow-scale": 0.8, width: "data(wide)", "line-color": colour("--edge"), "target-arrow-color": colour("--edge"), label: "data(said)", "font-size": 9, color: colour("--soft"), "text-background-color": colour("--paper"), "text-background-opacity": 0.85 } },
    { selector: ":selected", style: { "border-width": 3, "border-color": colour("--warm"), "line-color": colour("--warm"), "target-arrow-color": colour("--warm") } },
  ];
}

/** Nodes may be dragged; a double click opens one. */
export function network(nodes: readonly Node[], links: readonly Link[], open: (id: string) => void, label: string, numbers = true): HTMLElement {
  const place = h("div", { class: "canvas", role: "img", "aria-label": `${label}: ${nodes.length} nodes and ${links.length} connections; the table below lists them` });
  const colours = groupColours(nodes.map((node) => node.group));
  const most = Math.max(1, ...links.map((link) => link.weight));
  const elements: ElementDefinition[] = [
    ...nodes.map((node) => ({ data: { id: node.id, label: node.label, colour: colours.get(node.group) ?? REST, chosen: node.chosen ?? false } })),
    ...links.map((link) => ({ data: { source: link.source, target: link.target, wide: 1 + 5 * Math.sqrt(link.weight / most), said: numbers && links.length <= 60 ? String(Number(link.weight.toPrecision(4))) : "" } })),
  ];
  let drawn: Core | null = null;
  const arrange = (name: string): void => void drawn?.layout({ name, animate: false, randomize: true, nodeSeparation: 90, idealEdgeLength: 110, quality: "proof", padding: 24, ...(name === "breadthfirst" ? { directed: true } : {}) } as cytoscape.LayoutOptions).run();
  const layouts = choice([["fcose", "by springs"], ["circle", "circle"], ["breadthfirst", "in layers"], ["concentric", "by degree"]], "fcose", arrange);
  const save = h("button", { type: "button" }, "Save PNG");
  save.addEventListener("click", () => {
    if (!drawn) return;
    const link = h("a", { href: drawn.png({ full: true, scale: 2, bg: colour("--paper") }), download: "network.png" });
    link.click();
  });
  requestAnimationFrame(() => {
    if (!place.isConnected) return;
    drawn = cytoscape({ container: place, elements, style: style(), maxZoom: 4, layout: { name: "preset" } });
    arrange("fcose");
    drawn.on("dbltap", "node", (event) => open(event.target.id() as string));
    const restyle = (): void => void drawn?.style(style());
    addEventListener("theme", restyle);
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", restyle);
    place.dataset["ready"] = "yes";
  });
  const legend = [...colours].map(([group, shade]) => h("span", { class: "key" }, h("i", { "--shade": shade }), group));
  return h("figure", { class: "network" }, h("div", { class: "bar" }, labelled("Layout", layouts), save, h("small", {}, "Drag to move, wheel to zoom, double click to open")), place, h("figcaption", {}, legend));
}
