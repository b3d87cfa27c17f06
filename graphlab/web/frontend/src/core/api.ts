/** The server's answers. Ids are texts, since a JavaScript number has no room for 64 bits. */

export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };
export interface Column { name: string; type: string }
/** An answer that the server keeps, to be paged by row number, with its first rows. */
export interface Table {
  result: string;
  columns: Column[];
  rows: number;
  truncated: boolean;
  notes: string[];
  engine: string;
  sql: string;
  seconds: number;
  about: Record<string, Cell>;
  page: { offset: number; rows: Cell[][] };
}
export interface Order { column: string; descending: boolean }
/** Neurons as the server takes them: an id, name, type or set; several; criteria; null for all. */
export type Who = string | readonly string[] | Record<string, Cell> | null;
export type Parameters = Record<string, string | number | boolean | null | undefined>;

/** What the server said was wrong, with the place in the text where there is one. */
export class Refused extends Error {
  readonly status: number;
  readonly kind: string;
  readonly hint: string;
  readonly shown: string;
  readonly position: number | null;
  readonly length: number;
  constructor(status: number, said: Record<string, unknown>) {
    super(typeof said["message"] === "string" ? said["message"] : `the server answered ${status}`);
    this.status = status;
    this.kind = typeof said["kind"] === "string" ? said["kind"] : "";
    this.hint = typeof said["hint"] === "string" ? said["hint"] : "";
    this.shown = typeof said["shown"] === "string" ? said["shown"] : "";
    this.position = typeof said["position"] === "number" ? said["position"] : null;
    this.length = typeof said["length"] === "number" ? said["length"] : 1;
  }
}

let graph = "";
export const setGraph = (name: string): void => void (graph = name);
export const currentGraph = (): string => graph;

function query(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "" && value !== false) search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** Where something of the current graph is answered. */
export function address(path: string, parameters: Parameters = {}): string {
  return `/api/graphs/${encodeURIComponent(graph)}${path ? `/${path}` : ""}${query(parameters)}`;
}

async function answered(response: Response): Promise<Response> {
  if (response.ok) return response;
  let said: Record<string, unknown> = {};
  try {
    const document = (await response.json()) as { error?: Record<string, unknown> };
    said = document.error ?? {};
  } catch {
    // No JSON: the status says it.
  }
  throw new Refused(response.status, said);
}

export async function get<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  return (await (await answered(await fetch(address(path, parameters), { signal: signal ?? null }))).json()) as T;
}

/** What a graph of this server holds, whichever is looked at. */
export async function infoOf<T>(name: string): Promise<T> {
  return (await (await answered(await fetch(`/api/graphs/${encodeURIComponent(name)}`))).json()) as T;
}

export async function bytes(path: string, parameters: Parameters, accept: string): Promise<ArrayBuffer> {
  return (await answered(await fetch(address(path, parameters), { headers: { accept } }))).arrayBuffer();
}

/** A verb by its name, with its keywords. */
export async function ask<T = Table>(
  path: string,
  body: unknown,
  { job, method = "POST", signal, first }: { job?: string; method?: string; signal?: AbortSignal; first?: number } = {},
): Promise<T> {
  const response = await fetch(address(path, { job, first }), {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
  await answered(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Rows of a kept answer, from a row number on. */
export async function rows(
  result: string,
  offset: number,
  limit: number,
  order: Order | null,
  filter: string,
): Promise<{ rows: Cell[][]; total: number }> {
  return get(`results/${result}`, { offset, limit, sort: order?.column, descending: order?.descending, filter });
}

export interface Server { version: string; graphs: string[]; read_only: boolean; writes_sets: string[]; settings: { name: string; value: Cell; unit: string; about: string; option: string }[]; neuprint: { server: string; datasets: string[] } | null }
let known: Promise<Server> | null = null;
export function server(): Promise<Server> {
  known ??= fetch("/api/server").then(answered).then((response) => response.json() as Promise<Server>);
  return known;
}

export interface Words {
  relations: Record<string, { name: string; type: string }[]>;
  property_graphs: Record<string, { vertices: { label: string; properties: string[] }[]; edges: { label: string; properties: string[] }[] }>;
  languages: string[];
  engines: string[];
  kinds: string[];
  neuropils: string[];
  compartments: string[];
  sets: string[];
  columns: string[];
  has: Record<string, boolean>;
}
const words_of = new Map<string, Promise<Words>>();
/** What can be said about the graph: columns, labels, neuropils, sets; what it has. */
export function words(): Promise<Words> {
  let found = words_of.get(graph);
  if (!found) {
    found = get<Words>("words");
    found.catch(() => words_of.delete(graph));
    words_of.set(graph, found);
  }
  return found;
}
export const forgetWords = (): void => void words_of.delete(graph);

/** A random name of a piece of work, to stop it by. */
export const newJob = (): string => crypto.randomUUID();
export async function stop(job: string): Promise<void> {
  await fetch(`/api/jobs/${job}`, { method: "DELETE" });
}
