/** The motif as SVG that one draws on: click for a neuron, drag from one to another for a connection, click a connection to change it. */

import { h, replace, s } from "../core/dom.ts";
import { addNode, edge, MOST, next, removeNode, said, setState, state, type Drawing, type Edge, type Node } from "./drawing.ts";

const RADIUS = 20;
const WIDTH = 500;
const HEIGHT = 350;

export interface Canvas { element: HTMLElement; draw: () => void; lock: (locked: boolean, why?: string) => void }

/** ``changed`` is called after every change; ``chosen`` with the node that is being looked at. */
export function canvas(get: () => Drawing, changed: () => void, chosen: (name: string | null) => void, least: () => number): Canvas {
  const edges = s("g");
  const nodes = s("g");
  const line = s("line", { class: "wish", "marker-end": "url(#arrow-wish)" });
  const svg = s("svg", { class: "motif-canvas", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "Drawing of the motif; the lists beside it change the same things" });
  const marker = (name: string): SVGElement => s("marker", { id: `arrow-${name}`, class: `head-${name}`, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, s("path", { d: "M0 0 10 5 0 10z" }));
  svg.append(s("defs", {}, marker("present"), marker("absent"), marker("wish")), edges, nodes, line);
  const moving = h("input", { type: "checkbox" });
  const hint = h("p", { class: "hint" });
  let from: Node | null = null;
  let dragged = false;
  let linking: string | null = null;
  let locked = false;
  let reason = "";
  let selected: string | null = null;

  const point = (event: PointerEvent): { x: number; y: number } => {
    const box = svg.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * WIDTH, y: ((event.clientY - box.top) / box.height) * HEIGHT };
  };
  const inside = (at: { x: number; y: number }): { x: number; y: number } => ({ x: Math.max(RADIUS, Math.min(WIDTH - RADIUS, at.x)), y: Math.max(RADIUS, Math.min(HEIGHT - RADIUS, at.y)) });
  const under = (at: { x: number; y: number }): Node | undefined => get().nodes.find((node) => Math.hypot(node.x - at.x, node.y - at.y) <= RADIUS + 5);
  const select = (name: string | null): void => {
    selected = name;
    chosen(name);
    draw();
  };

  function cycle(one: Edge): void {
    if (locked) return;
    setState(get(), one.source, one.target, next(state(get(), one.source, one.target)), 0);
    changed();
  }
  function join(source: string, target: string): void {
    if (source === target) return;
    if (!edge(get(), source, target)) setState(get(), source, target, "present", least());
    changed();
  }

  svg.addEventListener("pointerdown", (event) => {
    if (locked || event.button !== 0) return;
    if (event.target instanceof Element && event.target.closest(".edge")) return;
    const at = point(event);
    from = under(at) ?? null;
    dragged = false;
    if (from) svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const at = point(event);
    if (!dragged && Math.hypot(at.x - from.x, at.y - from.y) < 10) return;
    dragged = true;
    if (moving.checked) {
      Object.assign(from, inside(at));
      draw();
    } else {
      for (const [name, value] of Object.entries({ x1: from.x, y1: from.y, x2: at.x, y2: at.y })) line.setAttribute(name, String(value));
      line.classList.add("on");
    }
  });
  svg.addEventListener("pointerup", (event) => {
    const began = from;
    from = null;
    line.classList.remove("on");
    if (locked || event.button !== 0) return;
    if (event.target instanceof Element && event.target.closest(".edge") && !began) return;
    const at = point(event);
    const here = under(at);
    if (began && dragged) {
      if (moving.checked) return;
      if (here && here !== began) join(began.name, here.name);
      else if (!here) {
        const made = addNode(get(), inside(at).x, inside(at).y);
        if (made) join(began.name, made.name);
      }
    } else if (began) {
      select(began.name);
    } else if (!here) {
      const made = addNode(get(), inside(at).x, inside(at).y);
      if (made) {
        changed();
        select(made.name);
      } else hint.textContent = `A motif has at most ${MOST} neurons.`;
    }
  });

  function key(event: KeyboardEvent, node: Node): void {
    if (locked) return;
    const steps: Record<string, [number, number]> = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] };
    const step = steps[event.key];
    if (step) {
      Object.assign(node, inside({ x: node.x + step[0], y: node.y + step[1] }));
      draw();
      focus(node.name);
    } else if (event.key === "c" || event.key === "C") {
      linking = node.name;
      hint.textContent = `From ${node.name}: go to another neuron with Tab, then Enter.`;
    } else if (event.key === "Enter" || event.key === " ") {
      if (linking !== null && linking !== node.name) join(linking, node.name);
      else select(node.name);
      linking = null;
      focus(node.name);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      removeNode(get(), node.name);
      changed();
      select(null);
    } else return;
    event.preventDefault();
  }
  const focus = (name: string): void => svg.querySelector<SVGElement>(`[data-node="${CSS.escape(name)}"]`)?.focus();

  function arrow(one: Edge): SVGElement {
    const drawing = get();
    const a = drawing.nodes.find((node) => node.name === one.source);
    const b = drawing.nodes.find((node) => node.name === one.target);
    if (!a || !b) return s("g");
    const kind = one.absent ? "absent" : "present";
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
    const bend = edge(drawing, one.target, one.source) ? 26 : 0;
    const [mx, my] = [(a.x + b.x) / 2 - uy * bend, (a.y + b.y) / 2 + ux * bend];
    const cut = (x: number, y: number, r: number): [number, number] => {
      const d = Math.hypot(mx - x, my - y) || 1;
      return [x + ((mx - x) / d) * r, y + ((my - y) / d) * r];
    };
    const [x1, y1] = cut(a.x, a.y, RADIUS + 1);
    const [x2, y2] = cut(b.x, b.y, RADIUS + 4);
    const path = `M${x1} ${y1}Q${mx} ${my} ${x2} ${y2}`;
    const [cx, cy] = [(x1 + 2 * mx + x2) / 4, (y1 + 2 * my + y2) / 4];
    const text = one.clauses.map(said).join(", ");
    const group = s("g", { class: `edge ${kind}`, tabindex: 0, role: "button", "data-edge": `${one.source} ${one.target}`, "aria-label": `${one.source} to ${one.target}: ${kind}${text ? `, ${text}` : ""}. Enter changes it.` },
      s("path", { class: "touch", d: path }), s("path", { class: "line", d: path, "marker-end": `url(#arrow-${kind})` }),
      one.absent ? s("path", { class: "cross", d: `M${cx - 6} ${cy - 6}l12 12m0 -12l-12 12` }) : null,
      text ? s("text", { x: cx - uy * 16, y: cy + ux * 16 + 4, "text-anchor": "middle" }, text) : null);
    group.addEventListener("click", () => cycle(one));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      cycle(one);
      svg.querySelector<SVGElement>(`[data-edge="${CSS.escape(`${one.source} ${one.target}`)}"]`)?.focus();
    });
    return group;
  }

  function draw(): void {
    const drawing = get();
    replace(edges, drawing.edges.map(arrow));
    replace(nodes, drawing.nodes.map((node) => {
      const about = node.criteria.map((clause) => (clause.key === "cell_type" && clause.operator === "=" ? String(clause.value) : said(clause))).join(", ");
      const group = s("g", { class: `node${node.name === selected ? " selected" : ""}`, tabindex: 0, role: "button", "data-node": node.name, transform: `translate(${node.x} ${node.y})`,
        "aria-label": `Neuron ${node.name}${about ? `, ${about}` : ""}. Enter selects, C connects, Delete removes, arrows move.` },
        s("circle", { r: RADIUS }), s("text", { y: 5, "text-anchor": "middle" }, node.name.length > 4 ? `${node.name.slice(0, 3)}…` : node.name),
        about ? s("text", { class: "about", y: node.y < HEIGHT / 2 && node.y > RADIUS + 18 ? -RADIUS - 7 : RADIUS + 16, "text-anchor": "middle" }, about.length > 24 ? `${about.slice(0, 23)}…` : about) : null);
      group.addEventListener("keydown", (event) => key(event, node));
      return group;
    }));
    hint.textContent = locked ? reason
      : drawing.nodes.length === 0 ? "Click to put a neuron here. Drag from one neuron to another, or to an empty place, to connect them. Click a connection: present, absent, either."
      : "Drag from neuron to neuron to connect; click a connection: present → absent → either (no line).";
  }

  const element = h("div", { class: "drawing" }, svg, h("div", { class: "bar" }, h("label", { class: "check" }, moving, " move instead of connect"), hint));
  return { element, draw, lock: (to, why = "The text says more than a drawing can: change it in the text.") => { [locked, reason] = [to, why]; svg.classList.toggle("locked", to); draw(); } };
}
