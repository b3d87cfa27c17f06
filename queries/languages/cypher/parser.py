"""openCypher, the part that reads: enough for what neuprint-python sends, as it is.

Accepted: MATCH and OPTIONAL MATCH (several, and after WITH), UNWIND, WHERE, WITH, RETURN, UNION [ALL], DISTINCT,
ORDER BY, SKIP, LIMIT, aggregates, ``*m..n``, shortestPath, allShortestPaths, SHORTEST k, all()/any()/none()/single()
and reduce() along paths and lists, comprehensions, list parts and slices, maps and map projections, label predicates,
pattern predicates, EXISTS {}, COUNT {}, parameters, ``CALL apoc.cypher.runTimeboxed``. No edge is met twice within one
MATCH, as in Neo4j. A null sorts last, and ``/`` of whole numbers is exact division. A list of properties of different
types comes as a struct. Not accepted, with a message: anything that writes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from ingest.schema.errors import ParseError, UnsupportedError
from queries.ir.expression import ElementId, Literal, Property
from queries.ir.identifiers import quote
from queries.ir.statement import Statement
from queries.languages.cypher.clauses import Projection, Single, Timeboxed, Union, item_name
from queries.languages.cypher.translation import Translation
from queries.languages.cypher.trees import CypherTrees
from queries.languages.grammar import Fault, Grammar
from queries.sql.tokens import MAX_LENGTH

_NAMES = {
    "EDGE_OPEN": "-[",
    "LEFT_OPEN": "<-[",
    "EDGE_CLOSE": "]-",
    "RIGHT_CLOSE": "]->",
    "LEFT_BARE": "<--",
    "RIGHT_BARE": "-->",
    "ANY_BARE": "--",
    "NAME": "a name",
    "QUOTED": "a `name`",
    "STRING": "a string",
    "INTEGER": "a whole number",
    "DECIMAL": "a number",
    "PARAMETER": "$parameter",
    "FUNCTION": "a function",
    "COMPARE": "a comparison",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
}
_REFUSED = re.compile(r"\b(CREATE|MERGE|SET|DELETE|DETACH|REMOVE|FOREACH|LOAD\s+CSV|USE)\b", re.IGNORECASE)
MAX_NESTING = 150


@lru_cache(maxsize=1)
def _grammar() -> Grammar:
    return Grammar(
        (files("queries.languages.cypher") / "cypher.lark").read_text(encoding="utf-8"), "start", CypherTrees(), _NAMES
    )


def parse(text: str, graph: str = "connectome") -> Statement:
    """A Cypher query as a statement.

    Raises:
        ParseError, UnsupportedError: with line, column and the place underlined.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"the query has {len(text):,} characters, more than {MAX_LENGTH:,}", hint="Pass long lists as a parameter."
        )
    try:
        parts = _grammar().parse(text)
    except Fault as fault:
        _refuse(text, fault)
        raise fault.error(text) from None
    if isinstance(parts[0], Timeboxed):
        return _timeboxed(text, parts[0], graph)
    try:
        return _united(text, parts, graph)
    except Fault as fault:
        raise fault.error(text) from None


def _united(text: str, parts: Sequence[Single | Union], graph: str) -> Statement:
    """The queries between UNIONs, each by itself, as one statement."""
    queries = [Translation(text, graph).statement(part.clauses) for part in parts if isinstance(part, Single)]
    unions = [part for part in parts if isinstance(part, Union)]
    if not unions:
        return queries[0]
    if len({union.all_rows for union in unions}) > 1:
        at = unions[-1].at
        raise UnsupportedError(
            "UNION and UNION ALL in one query", text, at.start, at.end - at.start, "Use one of them."
        )
    names = [_returned(part, text) for part in parts if isinstance(part, Single)]
    for union, other in zip(unions, names[1:], strict=True):
        if other is not None and names[0] is not None and other != names[0]:
            raise ParseError(
                f"the queries return {', '.join(names[0])} and {', '.join(other)}", text, union.at.start,
                union.at.end - union.at.start, "Return the same names on both sides of UNION, in one order.",
            )  # fmt: skip
    whole = Statement("", (), "cypher", text)
    for number, query in enumerate(queries):
        word = "" if not number else " UNION ALL " if unions[0].all_rows else " UNION "
        inner = replace(query, text="?", slots=(replace(query.slots[0], start=0, end=1),)) if query.whole else query
        own = inner.renamed(f"graphlab_u{number}_").inside(f"{whole.text}{word}SELECT * FROM (", ")")
        whole = replace(own, slots=(*whole.slots, *own.slots), bound={**whole.bound, **own.bound})
    return whole


def _returned(part: Single, text: str) -> list[str] | None:
    """Names of the columns of a query; None where the graph says what they are."""
    last = part.clauses[-1]
    if not isinstance(last, Projection) or any(item.value is None for item in last.items):
        return None
    if any(isinstance(item.value, ElementId) and item.name is None for item in last.items):
        return None
    return [item_name(item, text) for item in last.items]


def _refuse(text: str, fault: Fault) -> None:
    """A clause that openCypher has and we have not is named, where the parser stopped at it."""
    at = fault.position
    match = _REFUSED.match(text, at)
    if match:
        word = re.sub(r"\s+", " ", match.group(1).upper())
        hint = "A query only reads the graph."
        raise UnsupportedError(f"{word} is not answered here", text, at, len(match.group(1)), hint) from None


def _timeboxed(text: str, call: Timeboxed, graph: str) -> Statement:
    inner = parse(call.text, graph)
    if not isinstance(call.milliseconds, Literal) or not isinstance(call.milliseconds.value, int):
        raise ParseError("runTimeboxed wants milliseconds as its third argument", text, call.at.start)
    outputs = []
    for item in call.items:
        value = item.value
        if not isinstance(value, Property) or value.variable != call.value:
            raise UnsupportedError(
                f"after runTimeboxed only {call.value}.name is returned",
                text,
                item.at.start,
                item.at.end - item.at.start,
            )
        outputs.append(f"{quote(value.name)} AS {quote(item.name or f'{value.variable}.{value.name}')}")
    return inner.inside(f"SELECT {', '.join(outputs)} FROM (", ")", time_limit=call.milliseconds.value / 1000)
