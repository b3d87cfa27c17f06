"""SQL around one pattern that the pattern can answer by itself: counting rows, taking the first ones."""

from __future__ import annotations

from dataclasses import replace

from queries.ir.expression import Call, Parameter
from queries.ir.pattern import Column, Pattern
from queries.ir.statement import Slot, Statement
from queries.sql.tokens import Token, tokens


def shortened(statement: Statement) -> Statement:
    """``SELECT count(*) FROM GRAPH_TABLE (...)`` counts in the pattern, ``SELECT ... LIMIT n`` stops in it."""
    if len(statement.slots) != 1 or statement.language != "pgq":
        return statement
    slot = statement.slots[0]
    if slot.pattern.limit is not None or slot.pattern.aggregates or slot.pattern.distinct:
        return statement
    all_tokens = tokens(statement.text)
    before = [token for token in all_tokens if token.end <= slot.start]
    after = [token for token in all_tokens if token.start >= slot.end and token.text != ";"]
    alias, after = _alias(after)
    if alias is None:
        return statement
    name = _count_name(before)
    if name is not None and not after:
        return _whole(statement, replace(slot.pattern, columns=(Column(name, Call("count")),)))
    if _plain_select(before) and len(after) == 2 and after[0].is_word("LIMIT") and after[1].text.isdigit():
        limited = replace(slot.pattern, limit=int(after[1].text))
        return replace(statement, slots=(replace(slot, pattern=limited),))
    return statement


def limited(statement: Statement, rows: int) -> Statement:
    """The statement with the pattern stopping after ``rows`` matches, where each match is a row of the answer."""
    if len(statement.slots) != 1:
        return statement
    slot = statement.slots[0]
    pattern = slot.pattern
    if isinstance(pattern.limit, Parameter) or (pattern.limit is not None and pattern.limit <= rows):
        return statement
    if not statement.whole and _around(statement) != []:
        return statement
    return replace(statement, slots=(replace(slot, pattern=replace(pattern, limit=rows)),))


def passes_rows_through(statement: Statement) -> bool:
    """Whether the SQL around one pattern hands its rows on as they are, LIMIT aside: it adds nothing to plan."""
    if statement.whole:
        return True
    rest = _around(statement)
    return rest == [] or (rest is not None and len(rest) == 2 and rest[0].is_word("LIMIT") and rest[1].text.isdigit())


def _around(statement: Statement) -> list[Token] | None:
    """What follows the one pattern of a plain SELECT and its alias; None for any other statement."""
    if len(statement.slots) != 1 or statement.language != "pgq":
        return None
    slot = statement.slots[0]
    all_tokens = tokens(statement.text)
    after = [token for token in all_tokens if token.start >= slot.end and token.text != ";"]
    alias, after = _alias(after)
    return after if alias is not None and _plain_select([t for t in all_tokens if t.end <= slot.start]) else None


def counted(statement: Statement) -> Statement:
    """The statement with its rows counted instead of listed, as one column ``count``."""
    slots = statement.slots
    if statement.whole:
        pattern = slots[0].pattern
        plain = not (pattern.aggregates or pattern.distinct or pattern.skip or pattern.limit is not None)
        if plain:
            return _whole(statement, replace(pattern, columns=(Column("count", Call("count")),), order=()))
    text = statement.text.rstrip().removesuffix(";")
    return replace(statement, text=text).inside("SELECT count(*) AS count FROM (", "\n)")


def _whole(statement: Statement, pattern: Pattern) -> Statement:
    return replace(statement, slots=(Slot(0, len(statement.text), pattern),))


def _alias(after: list[Token]) -> tuple[bool | None, list[Token]]:
    """Whether what follows begins with an alias, and the rest; None where the alias has columns."""
    rest = list(after)
    if rest and rest[0].is_word("AS"):
        rest = rest[1:]
    named = bool(rest) and rest[0].kind in ("word", "quoted") and not rest[0].is_word(*_CLAUSES)
    if named:
        rest = rest[1:]
    if rest and rest[0].text == "(":
        return None, rest
    return named, rest


_CLAUSES = [
    "LIMIT",
    "WHERE",
    "ORDER",
    "GROUP",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "ASOF",
    "POSITIONAL",
    "SEMI",
    "ANTI",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "HAVING",
    "WINDOW",
    "QUALIFY",
    "OFFSET",
    "USING",
    "TABLESAMPLE",
    "SELECT",
    "ON",
    "PIVOT",
    "UNPIVOT",
    "FETCH",
    "SAMPLE",
]


def _count_name(before: list[Token]) -> str | None:
    """The name of the count in ``SELECT count(*) [[AS] name] FROM``; None for anything else."""
    if len(before) < 6 or not before[0].is_word("SELECT") or not before[-1].is_word("FROM"):
        return None
    if not before[1].is_word("COUNT") or [token.text for token in before[2:5]] != ["(", "*", ")"]:
        return None
    named = before[5:-1]
    if named and named[0].is_word("AS"):
        named = named[1:]
    if not named:
        return "count_star()"
    if len(named) == 1 and named[0].kind == "word":
        return named[0].text
    return None


def _plain_select(before: list[Token]) -> bool:
    """``SELECT * FROM``, ``SELECT a, m.b FROM`` or ``FROM``: rows pass through as they are."""
    words = before[:-1]
    if not before or not before[-1].is_word("FROM"):
        return False
    if not words:
        return True
    if not words[0].is_word("SELECT") or (words[1:2] and words[1].is_word("DISTINCT")):
        return False
    return all(token.kind in ("word", "quoted") or token.text in "*,." for token in words[1:])
