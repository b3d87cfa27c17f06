/** The editor of questions: three languages, completion from the graph's own words, the server's errors underlined. */

import { autocompletion, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { cypher } from "@codemirror/legacy-modes/mode/cypher";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import * as api from "../core/api.ts";
import type { Refused, Words } from "../core/api.ts";

export type Language = "" | "pgq" | "cypher" | "dotmotif";

const DOTMOTIF = StreamLanguage.define<null>({
  name: "dotmotif",
  startState: () => null,
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^[-~!][>+|-]/)) return "keyword";
    if (stream.match(/^("[^"]*"|'[^']*')/)) return "string";
    if (stream.match(/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/)) return "number";
    if (stream.match(/^(<=|>=|!=|<>|===?|=|<|>)/)) return "operator";
    if (stream.match(/^!?(in|contains|as)\b/)) return "keyword";
    if (stream.match(/^\$?[A-Za-z_]\w*/)) return "variableName";
    stream.next();
    return null;
  },
});
const KEYWORDS = "select from where group by order limit offset having with as on join left inner using and or not in is null distinct union all case when then else end graph_table match columns count sum avg min max cast between like ilike desc asc exists qualify semi anti";
const DIALECT = SQLDialect.define({ keywords: KEYWORDS, types: "bigint ubigint double varchar boolean", doubleDollarQuotedStrings: true });
const OF: Record<Exclude<Language, "">, Extension> = { pgq: sql({ dialect: DIALECT, upperCaseKeywords: true }), cypher: StreamLanguage.define(cypher), dotmotif: DOTMOTIF };
const FUNCTIONS: Record<Exclude<Language, "">, string> = {
  pgq: KEYWORDS.toUpperCase(),
  cypher: "MATCH OPTIONAL WHERE RETURN WITH ORDER BY SKIP LIMIT DISTINCT AND OR NOT IN IS NULL STARTS ENDS CONTAINS UNWIND count sum avg min max collect size labels type id CASE WHEN THEN ELSE END AS",
  dotmotif: "contains in as",
};

/** What a text looks like, until the server says. */
export function guessed(text: string): Exclude<Language, ""> {
  const first = text.replace(/^(\s|--.*\n|\/\/.*\n|#.*\n)*/, "").slice(0, 12).toLowerCase();
  if (/^(select|from|with)\b/.test(first)) return /^with\b[\s\S]*\breturn\b/i.test(text) && !/\bselect\b/i.test(text) ? "cypher" : "pgq";
  return /^(match|optional|unwind|return)\b/.test(first) ? "cypher" : "dotmotif";
}

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: tags.string, color: "var(--warm)" },
  { tag: tags.number, color: "var(--good)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: tags.typeName, color: "var(--accent)" },
]);

const THEME = EditorView.theme({
  "&": { backgroundColor: "var(--paper)", color: "var(--ink)", fontSize: "14px", border: "1px solid var(--edge)", borderRadius: ".4rem" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-content": { caretColor: "var(--ink)", fontFamily: "var(--mono)", minHeight: "7rem" },
  ".cm-gutters": { backgroundColor: "var(--tint)", color: "var(--soft)", border: "none" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "var(--chosen) !important" },
  ".cm-placeholder": { color: "var(--soft)" },
  ".cm-tooltip": { backgroundColor: "var(--tint)", color: "var(--ink)", border: "1px solid var(--edge)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--paper)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1.5px", textUnderlineOffset: "3px" },
});

/** Names of columns, labels, tables, types that go on from what stands before the cursor. */
function completions(words: Words, language: () => Exclude<Language, "">): (context: CompletionContext) => Promise<CompletionResult | null> {
  const fixed: Completion[] = [];
  const columns = new Map<string, string>();
  for (const [table, of] of Object.entries(words.relations)) {
    fixed.push({ label: table, type: "class", detail: "table", boost: 1 });
    for (const { name, type } of of) columns.set(name, columns.has(name) ? "column" : `${type}, ${table}`);
  }
  for (const [label, detail] of columns) fixed.push({ label, type: "property", detail });
  for (const [name, graph] of Object.entries(words.property_graphs)) {
    fixed.push({ label: name, type: "namespace", detail: "property graph" });
    for (const { label } of graph.vertices) fixed.push({ label, type: "class", detail: `vertex of ${name}` });
    for (const { label } of graph.edges) fixed.push({ label, type: "interface", detail: `edge of ${name}` });
  }
  for (const set of words.sets) fixed.push({ label: `$${set}`, type: "variable", detail: "saved set" });
  return async (context) => {
    const quoted = context.matchBefore(/(\w+)?["']?\]?\s*(?:=|==|<>|!=|IN\s*\(|:)\s*["'][^"']*$/i);
    if (quoted) {
      const column = /^(\w+)/.exec(quoted.text)?.[1] ?? "cell_type";
      const begun = /["']([^"']*)$/.exec(quoted.text)?.[1] ?? "";
      const name = column === "type" ? "cell_type" : column;
      if (!words.columns.includes(name)) return null;
      const found = await api.get<{ values: { value: string; neurons: number }[] }>("values", { column: name, prefix: begun, limit: 50 });
      return { from: context.pos - begun.length, options: found.values.map((one) => ({ label: one.value, type: "text", detail: `${one.neurons} neurons` })) };
    }
    const word = context.matchBefore(/\$?\w+$/);
    if (!word && !context.explicit && !context.matchBefore(/\.$/)) return null;
    const after = context.matchBefore(/\.\w*$/);
    const options = after ? fixed.filter((one) => one.type === "property")
      : [...fixed, ...FUNCTIONS[language()].split(" ").map((label) => ({ label, type: "keyword" }))];
    return { from: word?.from ?? context.pos, options, validFor: /^\$?\w*$/ };
  };
}

/** Offset of JavaScript's text units from one of characters. */
const units = (text: string, characters: number): number => Array.from(text).slice(0, characters).join("").length;

export class Editor {
  readonly element: HTMLElement;
  private readonly view: EditorView;
  private readonly mode = new Compartment();
  private language: Language;

  constructor(text: string, language: Language, words: Words, run: () => void, label: string, changed: () => void = () => undefined) {
    this.language = language;
    const completing = completions(words, () => this.spoken());
    this.view = new EditorView({
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(), history(), bracketMatching(), lintGutter(), syntaxHighlighting(COLOURS), THEME, EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
          placeholder("SELECT … FROM GRAPH_TABLE (…)    MATCH (a)-[e]->(b) RETURN …    A -> B"),
          autocompletion({ override: [completing], icons: false }),
          keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          this.mode.of(OF[language || guessed(text)]),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            this.speak(this.language);
            changed();
          }),
        ],
      }),
    });
    this.element = this.view.dom;
    this.element.classList.add("editor");
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(text: string) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  spoken(): Exclude<Language, ""> {
    return this.language || guessed(this.text);
  }

  speak(language: Language): void {
    this.language = language;
    const wanted = OF[this.spoken()];
    if (this.mode.get(this.view.state) !== wanted) queueMicrotask(() => this.view.dispatch({ effects: this.mode.reconfigure(wanted) }));
  }

  /** Underline what the server points at; null takes the line away. */
  point(error: Refused | null): void {
    const text = this.text;
    if (error?.position === null || error === null) {
      this.view.dispatch(setDiagnostics(this.view.state, []));
      return;
    }
    // At the end of the text there is nothing to underline but its last character.
    const from = Math.max(0, Math.min(units(text, error.position), text.length - 1));
    const to = Math.min(Math.max(from + 1, units(text, error.position + error.length)), text.length);
    const message = error.hint ? `${error.message}\n${error.hint}` : error.message;
    this.view.dispatch(setDiagnostics(this.view.state, [{ from, to, severity: "error", message }]));
  }

  focus(): void {
    this.view.focus();
  }
}
