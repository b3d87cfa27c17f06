"""The choice of an engine: by what each says of itself, whatever else this process has loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.running.machine_code import Kernel
from ingest.schema.errors import UnsupportedError
from queries.csr.estimate import COLD, LINKED
from queries.csr.executor import CSRExecutor
from queries.duckdb.executor import DuckDBExecutor
from queries.engine import Source, parse
from queries.planning.bind import bind
from queries.planning.bound import BoundPattern
from queries.planning.executor import CostEstimate
from queries.planning.plan import IN_DOUBT, SURE, SURE_LOADED, choose, closes_circle
from queries.planning.values import Values
from queries.source import Limits

TRIANGLE = "A -> B\nB -> C\nC -> A"
SQUARES = "MATCH (a)-[:ConnectsTo]->(b)-[:ConnectsTo]->(c)-[:ConnectsTo]->(d)-[:ConnectsTo]->(a) RETURN count(*) AS n"


class Stated:
    """An engine that expects what it is told to."""

    def __init__(self, name: str, seconds: float, loading_s: float = 0.0, refused: str | None = None) -> None:
        self.name, self.seconds, self.loading_s, self.refused = name, seconds, loading_s, refused
        self.measured = 0

    def refusal(self, bound: BoundPattern, source: Source) -> str | None:
        return self.refused

    def measure(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> None:
        self.measured += 1

    def estimate(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> CostEstimate:
        return CostEstimate(1.0, 1.0, self.seconds + self.loading_s, "it is told so")

    def inline(self, bound: BoundPattern, values: Values) -> str | None:
        return None

    def execute(
        self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any], limits: Limits
    ) -> pa.RecordBatchReader:
        raise NotImplementedError


def triangle(source: Source) -> BoundPattern:
    (slot,) = parse(TRIANGLE).slots
    return bind(slot.pattern, source)


def test_an_engine_that_has_not_answered_has_its_kernels_to_load(
    toy: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("queries.csr.executor.LISTS", (Kernel("queries.csr.kernels.relations", "usable"),))
    for module, name in (("join", "join"), ("triangles", "list_triangles"), ("meet", "meetings")):
        monkeypatch.setattr(f"queries.csr.kernels.kept.{name}", Kernel(f"queries.csr.kernels.{module}", name))
    bound, fresh = triangle(toy), CSRExecutor()
    choice = choose(bound, toy, {}, [DuckDBExecutor(), fresh])
    assert (choice.executor.name, choice.why) == ("duckdb", f"SQL expects less than {SURE:g} s")
    cold = fresh.estimate(bound, toy, {})
    assert cold.seconds > COLD
    assert cold.why.endswith("kernels to load")
    place = tmp_path / "graphlab" / "kernels"
    for kernel in ("relations.usable", "triangles.list_triangles", "join.join"):
        assert fresh.estimate(bound, toy, {}).seconds > COLD, f"{kernel} is to be compiled"
        (place / f"queries.csr.kernels.{kernel}.some.code").write_bytes(b"")
    linked = fresh.estimate(bound, toy, {})
    assert linked.seconds == pytest.approx(cold.seconds - COLD + LINKED)
    fresh.execute(bound, toy, {}, Limits())
    warm = fresh.estimate(bound, toy, {})
    assert warm.seconds < cold.seconds - COLD / 2
    assert "kernels to load" not in warm.why
    (slot,) = parse(SQUARES).slots
    squares = fresh.estimate(bind(slot.pattern, toy), toy, {})
    assert squares.seconds > COLD, "an answer to one pattern compiles no kernel of another"
    (place / "queries.csr.kernels.meet.meetings.some.code").write_bytes(b"")
    assert fresh.estimate(bind(slot.pattern, toy), toy, {}).seconds == pytest.approx(squares.seconds - COLD)


@pytest.mark.parametrize(
    ("sql", "other", "chosen"),
    [
        (SURE / 2, Stated("other", 0.0, loading_s=SURE * 4), "sql"),
        (SURE / 2, Stated("other", 0.0, loading_s=SURE / 8), "other"),
        (SURE * 2, Stated("other", 0.0, loading_s=0.1), "other"),
        (SURE * 2, Stated("other", 0.0, loading_s=SURE * 4), "sql"),
        (SURE / 2, Stated("other", 0.0), "other"),
        (SURE_LOADED / 2, Stated("other", 0.0), "sql"),
        (SURE * 2, Stated("other", 0.0, refused="it is Sunday"), "sql"),
    ],
)
def test_another_engine_is_asked_where_sql_expects_more_than_loading_it_costs(
    toy: Source, sql: float, other: Stated, chosen: str
) -> None:
    first = Stated("sql", sql)
    choice = choose(triangle(toy), toy, {}, [first, other])
    assert choice.executor.name == chosen
    assert (first.measured, other.measured) == (1, 1)


def test_the_engine_asked_for_is_taken_or_refuses(toy: Source) -> None:
    bound = triangle(toy)
    assert choose(bound, toy, {}, [Stated("other", 1e9)], "other").why == "asked for"
    with pytest.raises(UnsupportedError, match="engine other cannot answer this: it is Sunday"):
        choose(bound, toy, {}, [Stated("other", 0.0, refused="it is Sunday")], "other")


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        (TRIANGLE, True),
        ("A -> B\nB -> C\nC -> D\nA -> D", True),
        ("A -> B\nB -> C\nD -> C", False),
        ("A -> B\nB -> A\nB -> C", False),
    ],
)
def test_where_a_circle_closes_the_other_engine_has_the_benefit_of_the_doubt(
    toy: Source, text: str, closes: bool
) -> None:
    bound = bind(parse(text).slots[0].pattern, toy)
    assert closes_circle(bound) == closes
    near, far = (Stated("other", by * SURE) for by in (0.9 * IN_DOUBT, 1.1 * IN_DOUBT))
    assert choose(bound, toy, {}, [Stated("sql", SURE), near]).executor.name == ("other" if closes else "sql")
    assert choose(bound, toy, {}, [Stated("sql", SURE), far]).executor.name == "sql"
