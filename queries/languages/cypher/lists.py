"""Lists in Cypher: slices, conditions over their items, ranges.

Tests: tests/queries/languages/cypher/test_lists.py.
"""

from __future__ import annotations

from queries.ir.expression import Call, Case, Cast, EachIn, Expression, Literal, Operation, Span


def sliced(of: Expression, low: Expression | None, high: Expression | None, at: Span) -> Expression:
    """``list[low..high]``: from ``low`` on, without ``high``; below 0 from the end."""
    begin = Literal(1) if low is None else _shifted(low, 1, 0)
    end = Literal(-1) if high is None else _shifted(high, 0, -1)
    cut: Expression = Call("list_slice", (of, begin, end), at=at)
    unknown = [Operation("IS NULL", (part,)) for part in (low, high) if part is not None and not _is_number(part)]
    if not unknown:
        return cut
    return Case((unknown[0] if len(unknown) == 1 else Operation("OR", tuple(unknown)), Literal(None)), cut, at=at)


def over_list(word: str, variable: str, over: Expression, holds: Expression, at: Span) -> Expression:
    """``all``, ``any``, ``none`` and ``single`` over the items of a list; unknown for an unknown list."""
    if word == "SINGLE":
        flags = EachIn(variable, over, None, Cast(holds, "INTEGER"), at=at)
        number = Call("coalesce", (Call("list_sum", (flags,)), Literal(0)))
        nulls = Operation("<", (Call("list_count", (flags,)), Call("len", (flags,))))
        several, one = Operation(">", (number, Literal(1))), Operation("=", (number, Literal(1)))
        answer: Expression = Case((several, Literal(False), nulls, Literal(None)), one, at=at)
    elif word == "ALL":
        answer = _all(variable, over, holds, at)
    else:
        answer = _all(variable, over, Operation("NOT", (holds,)), at)
        answer = answer if word == "NONE" else Operation("NOT", (answer,), at=at)
    return Case((Operation("IS NOT NULL", (over,)), answer), at=at)


def _all(variable: str, over: Expression, holds: Expression, at: Span) -> Expression:
    # 0 false, 1 unknown, 2 true: the least says whether it holds for all, as AND does.
    value = Call("coalesce", (Operation("*", (Literal(2), Cast(holds, "INTEGER"))), Literal(1)))
    least = Call("coalesce", (Call("list_min", (EachIn(variable, over, None, value),)), Literal(2)))
    false, true = Operation("=", (least, Literal(0))), Operation("=", (least, Literal(2)))
    return Case((false, Literal(False), true, Literal(True)), at=at)


def ranged(arguments: tuple[Expression, ...], at: Span) -> Expression:
    """``range(first, last, step)``, the last included."""
    return Call("generate_series", arguments, at=at)


def _shifted(place: Expression, up: int, down: int) -> Expression:
    """A place counted from 0 as DuckDB counts it: ``up`` more, or ``down`` more where it is counted from the end."""
    if isinstance(place, Literal) and type(place.value) is int:
        return Literal(place.value + (up if place.value >= 0 else down))
    first = Operation(">=", (place, Literal(0)))
    return Case((first, Operation("+", (place, Literal(up)))), Operation("+", (place, Literal(down))))


def _is_number(place: Expression) -> bool:
    return isinstance(place, Literal) and type(place.value) is int
