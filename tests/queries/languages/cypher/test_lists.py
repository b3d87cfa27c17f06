"""Lists in Cypher against Python's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.engine import Source, run

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = st.lists(st.integers(-5, 5) | st.none(), max_size=4)
PLACES = st.integers(-6, 6)


def value(text: str, source: Source, **parameters: Any) -> Any:
    return run(f"RETURN {text} AS v", source, language="cypher", parameters=parameters).scalar()


def test_parts_and_slices(toy: Source) -> None:
    @FEW
    @given(numbers=NUMBERS, low=PLACES, high=PLACES)
    def agree(numbers: list[int | None], low: int, high: int) -> None:
        written = "[" + ", ".join("null" if n is None else str(n) for n in numbers) + "]"
        inside = -len(numbers) <= low < len(numbers)
        wanted = numbers[low] if inside else None
        assert value(f"{written}[{low}]", toy) == value(f"{written}[$i]", toy, i=low) == wanted
        assert value(f"{written}[{low}..{high}]", toy) == numbers[low:high]
        assert value(f"{written}[$i..$j]", toy, i=low, j=high) == numbers[low:high]
        assert value(f"head({written})", toy) == (numbers[0] if numbers else None)
        assert value(f"last({written})", toy) == (numbers[-1] if numbers else None)
        assert value(f"tail({written})", toy) == numbers[1:]
        assert value(f"size({written})", toy) == len(numbers)

    agree()


def three_valued(flags: list[bool | None], word: str) -> bool | None:
    true, unknown = flags.count(True), flags.count(None)
    if word == "all":
        return False if False in flags else None if unknown else True
    if word == "any":
        return True if true else None if unknown else False
    if word == "none":
        return False if true else None if unknown else True
    return False if true > 1 else None if unknown else true == 1


def test_conditions_comprehensions_and_reduce(toy: Source) -> None:
    @FEW
    @given(numbers=NUMBERS, least=PLACES)
    def agree(numbers: list[int | None], least: int) -> None:
        flags = [None if n is None else n > least for n in numbers]
        for word in ("all", "any", "none", "single"):
            assert value(f"{word}(x IN $xs WHERE x > $k)", toy, xs=numbers, k=least) == three_valued(flags, word), word
        kept = [n for n in numbers if n is not None and n > least]
        assert value("[x IN $xs WHERE x > $k]", toy, xs=numbers, k=least) == kept
        assert value("[x IN $xs WHERE x > $k | x * 10 + $k]", toy, xs=numbers, k=least) == [
            n * 10 + least for n in kept
        ]
        assert value("reduce(s = 1, x IN $xs | s + x)", toy, xs=kept) == 1 + sum(kept)

    agree()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("range(1, 3)", [1, 2, 3]),
        ("range(4, 0, -2)", [4, 2, 0]),
        ("[x IN range(1, 2) | [y IN range(1, x) | x * y]]", [[1], [2, 4]]),
        ("[[1, 2], [3]][0][1]", 2),
        ("all(x IN null WHERE x > 1)", None),
        ("[1, 2, 3][null]", None),
        ("[1, 2][0]-1", 0),
        ("[x IN [1, 2, null] WHERE x IN $some]", [1]),
        ("[x IN [1, 2, null] | x IN $some]", [True, None, None]),
        ("[x IN [1, null] | x IN $none]", [False, False]),
    ],
)
def test_values(toy: Source, text: str, wanted: Any) -> None:
    assert value(text, toy, some=[1, None], none=[]) == wanted


def test_along_paths_only_what_is_asked_for_is_kept(toy: Source) -> None:
    text = (
        "MATCH p = (a {bodyId: 1})-[:ConnectsTo*2]->(b {bodyId: 4}) "
        "RETURN [n IN nodes(p) WHERE n.type = 'A' | n.bodyId] AS a, "
        "[r IN relationships(p) WHERE r.weight > 2 | r.weight] AS w"
    )
    assert run(text, toy, language="cypher").to_arrow().to_pylist() == [{"a": [1, 3], "w": [7.0]}]
