/** A motif as it is drawn: up to six neurons, and for each ordered pair a connection that is there, is absent, or either. */

export type Operator = "=" | "<>" | "<" | "<=" | ">" | ">=";
export interface Clause { key: string; operator: Operator; value: string | number | boolean }
export interface Node { name: string; criteria: Clause[]; x: number; y: number }
export interface Edge { source: string; target: string; absent: boolean; clauses: Clause[] }
export interface Drawing { nodes: Node[]; edges: Edge[]; rules: string[] }
export type State = "either" | "present" | "absent";

export const MOST = 6;
export const empty = (): Drawing => ({ nodes: [], edges: [], rules: [] });

/** Places on a circle, for nodes that have none. */
export function around(k: number, n: number): { x: number; y: number } {
  const angle = -Math.PI / 2 + (2 * Math.PI * k) / Math.max(n, 1);
  return { x: 250 + 130 * Math.cos(angle), y: 175 + 115 * Math.sin(angle) };
}

/** Nodes of a text get the places they had; new ones get free ones. */
export function placed(next: Drawing, before: Drawing): Drawing {
  const had = new Map(before.nodes.map((node) => [node.name, node]));
  const kept = next.nodes.every((node) => had.has(node.name));
  next.nodes.forEach((node, k) => {
    const old = kept || next.nodes.length === before.nodes.length ? had.get(node.name) : undefined;
    Object.assign(node, old ? { x: old.x, y: old.y } : around(k, next.nodes.length));
  });
  return next;
}

export function edge(drawing: Drawing, source: string, target: string): Edge | undefined {
  return drawing.edges.find((one) => one.source === source && one.target === target);
}

export const state = (drawing: Drawing, source: string, target: string): State => {
  const found = edge(drawing, source, target);
  return found ? (found.absent ? "absent" : "present") : "either";
};

export function setState(drawing: Drawing, source: string, target: string, wanted: State, least: number): void {
  const found = edge(drawing, source, target);
  if (wanted === "either") drawing.edges = drawing.edges.filter((one) => !(one.source === source && one.target === target));
  else if (found) found.absent = wanted === "absent";
  else drawing.edges.push({ source, target, absent: wanted === "absent", clauses: least > 0 ? [{ key: "weight", operator: ">=", value: least }] : [] });
}

export function addNode(drawing: Drawing, x?: number, y?: number): Node | null {
  if (drawing.nodes.length >= MOST) return null;
  const taken = new Set(drawing.nodes.map((node) => node.name));
  const name = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ").find((letter) => !taken.has(letter)) ?? `N${drawing.nodes.length}`;
  const spot = around(drawing.nodes.length, MOST);
  const node: Node = { name, criteria: [], x: x ?? spot.x, y: y ?? spot.y };
  drawing.nodes.push(node);
  return node;
}

export function removeNode(drawing: Drawing, name: string): void {
  drawing.nodes = drawing.nodes.filter((node) => node.name !== name);
  drawing.edges = drawing.edges.filter((one) => one.source !== name && one.target !== name);
  drawing.rules = drawing.rules.filter((rule) => !new RegExp(`\\b${name}\\b`).test(rule));
}

export const next = (now: State): State => (now === "either" ? "present" : now === "present" ? "absent" : "either");
export const said = (clause: Clause): string => `${clause.key === "weight" ? "" : `${clause.key} `}${{ ">=": "≥", "<=": "≤", "<>": "≠" }[clause.operator as string] ?? clause.operator} ${String(clause.value)}`.trim();

/** The least weight of an edge as one number; null where it says something else of its weight. */
export function least(one: Edge): number | null {
  const of = one.clauses.filter((clause) => clause.key === "weight");
  if (!of.length) return 0;
  return of.length === 1 && of[0]?.operator === ">=" && typeof of[0].value === "number" ? of[0].value : null;
}
export function setLeast(one: Edge, weight: number): void {
  one.clauses = one.clauses.filter((clause) => clause.key !== "weight");
  if (weight > 0) one.clauses.push({ key: "weight", operator: ">=", value: weight });
}

/** The type that a node has to have; null where it says something else of its type. */
export function typeOf(node: Node): string | null {
  const of = node.criteria.filter((clause) => clause.key === "cell_type");
  if (!of.length) return "";
  return of.length === 1 && of[0]?.operator === "=" ? String(of[0].value) : null;
}
export function setType(node: Node, type: string): void {
  node.criteria = node.criteria.filter((clause) => clause.key !== "cell_type");
  if (type) node.criteria.push({ key: "cell_type", operator: "=", value: type });
}
