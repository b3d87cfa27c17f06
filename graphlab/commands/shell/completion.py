"""What may be typed next: words of the languages, names of the graph, values of its columns inside quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from graphlab.commands.shell.session import COMMANDS, Session
from ingest.schema.errors import GraphlabError
from queries.ir.connectome import NEURONS

if TYPE_CHECKING:
    from graphlab.graph import Graph

KEYWORDS = (
    *("SELECT", "FROM", "GRAPH_TABLE", "MATCH", "COLUMNS", "WHERE", "GROUP", "BY", "ORDER", "LIMIT", "KEEP", "RETURN"),
    *("WITH", "OPTIONAL", "UNWIND", "DISTINCT", "AS", "AND", "OR", "NOT", "IN", "IS", "NULL", "EXISTS", "COUNT", "SUM"),
    *("AVG", "MIN", "MAX", "CONTAINS", "STARTS", "ENDS", "HAVING", "JOIN", "USING", "LEFT", "UNION", "ALL", "DESC"),
    *("ASC", "CASE", "WHEN", "THEN", "ELSE", "END", "shortestPath", "ANY", "SHORTEST", "ACYCLIC", "TRAIL", "SIMPLE"),
)
_QUOTED = re.compile(r"""([^\W\d]\w*|`[^`]+`)\s*(?:=|==|<>|!=|:|\bin\b\s*[(\[]|\bcontains\b|\bstarts\s+with\b)?\s*
                         (?:["'][^"']*["']\s*,\s*)*(["'])([^"']*)$""", re.IGNORECASE | re.VERBOSE)  # fmt: skip
"""A text that is being written, and the property before it: `n.cell_type = 'MB`, `type: "MB`, `in ['a', 'M`."""
_WORD = re.compile(r"[\w~$]*$")
_SHOWN = 30


class Words(Completer):
    """Completions of one session; names of the graph are read once, values when they are asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names = names_of(session.graph)
        self._aliases = dict(NEURONS.aliases)
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor
        if before.lstrip().startswith("."):
            yield from self._of_command(before.lstrip(), complete_event)
        elif quoted := _QUOTED.search(before):
            yield from self._values(quoted[1].strip("`"), quoted[3])
        else:
            yield from beginning_with(_WORD.search(before)[0], self._names)  # type: ignore[index]

    def _of_command(self, before: str, event: CompleteEvent) -> Iterator[Completion]:
        word, space, rest = before.partition(" ")
        if not space:
            yield from beginning_with(word, {name: command.about for name, command in COMMANDS.items()})
        elif word == ".save":
            yield from self._paths.get_completions(Document(rest), event)
        elif word == ".values" and " " in rest:
            column, _, prefix = rest.partition(" ")
            yield from self._values(column, prefix)
        elif word in (".explain", ".count"):
            yield from self.get_completions(Document(rest), event)
        else:
            yield from beginning_with(rest, dict.fromkeys(self._arguments(word), ""))

    def _arguments(self, word: str) -> list[str]:
        words = self._session.graph.words()
        lists: dict[str, Callable[[], list[str]]] = {
            ".columns": lambda: list(words["relations"]),
            ".values": lambda: list(words["columns"]),
            ".language": lambda: ["auto", *words["languages"]],
            ".engine": lambda: list(words["engines"]),
            ".kind": lambda: list(words["kinds"]),
            ".timing": lambda: ["on", "off"],
        }
        return lists[word]() if word in lists else []

    def _values(self, column: str, prefix: str) -> Iterator[Completion]:
        """Values of a column of neurons, most neurons first; none where the name is no column."""
        try:
            found = self._session.graph.values(self._aliases.get(column, column), prefix, _SHOWN)
        except GraphlabError:
            return
        for row in found:
            neurons = f"{row['neurons']:,} {'neuron' if row['neurons'] == 1 else 'neurons'}"
            yield Completion(row["value"], -len(prefix), display_meta=neurons)


def names_of(graph: Graph) -> dict[str, str]:
    """Every name that a question may say, and what it is."""
    words = graph.words()
    names = dict.fromkeys(KEYWORDS, "")
    names |= {f"${name}": "saved set" for name in words["sets"]}
    for graph_of in words["property_graphs"].values():
        for kind, tables in (("neuron", graph_of["vertices"]), ("connection", graph_of["edges"])):
            for table in tables:
                names |= dict.fromkeys(table["properties"], f"of a {kind}")
                names |= dict.fromkeys(table["labels"], "label")
    names |= dict.fromkeys(words["property_graphs"], "property graph")
    for name, columns in words["relations"].items():
        names |= {column["name"]: f"{column['type'].lower()} of {name}" for column in columns}
    return names | dict.fromkeys(words["relations"], "table")


def beginning_with(prefix: str, names: dict[str, str]) -> Iterator[Completion]:
    """Names that begin with a text in any case, in alphabetical order; none for no text."""
    if prefix:
        for name in sorted(names, key=str.lower):
            if name.lower().startswith(prefix.lower()):
                yield Completion(name, -len(prefix), display_meta=names[name])
