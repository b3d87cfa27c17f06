"""Every statistic of ours holds to the contract that other packages are held to."""

from __future__ import annotations

import pytest

from graphlab.circuits.statistics.registered import OURS, STATISTICS
from graphlab.circuits.statistics.statistic import Measured, Snapshot, Told, Value, statistic
from graphlab.testing import StatisticContract
from graphlab.testing.null_models import example_graph
from graphlab.testing.statistics import example_told

for _one in OURS:
    _class = type(f"Test{_one.name.title().replace('-', '')}", (StatisticContract,), {"name": _one.name})
    globals()[_class.__name__] = _class


def test_ours_come_first() -> None:
    assert STATISTICS.names()[: len(OURS)] == [one.name for one in OURS]


@statistic("unsaid", "Uses a column that it does not declare.")
def _undeclared(graph: Snapshot, told: Told) -> Measured:
    return Measured((Value("n", len(told.columns["side"]), graph.n),))


@statistic("twice", "One name twice.")
def _twice(graph: Snapshot, told: Told) -> Measured:
    return Measured((Value("n", 1.0, graph.n), Value("n", 2.0, graph.n)))


@statistic("longer", "A number too many.")
def _longer(graph: Snapshot, told: Told) -> Measured:
    import numpy as np

    return Measured((Value("n", 1.0, graph.n),), {"x": np.zeros(graph.n + 1)})


@statistic("restless", "Another number each time.")
def _restless(graph: Snapshot, told: Told) -> Measured:
    _restless_calls.append(1)
    return Measured((Value("n", len(_restless_calls), graph.n),))


_restless_calls: list[int] = []


@statistic("needless", "Says that it needs a column and does without.", "side")
def _needless(graph: Snapshot, told: Told) -> Measured:
    return Measured((Value("n", 1.0, graph.n),))


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (_undeclared, "test_words"),
        (_twice, "test_words"),
        (_longer, "test_numbers_of_neurons_are_one_for_each"),
        (_restless, "test_same_seed_same_bytes"),
        (_needless, "test_needs_are_declared"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_contract_finds_what_is_wrong(wrong: object, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = type("Contract", (StatisticContract,), {"name": wrong.name, "statistic": wrong})()  # type: ignore[attr-defined]
    with pytest.raises((AssertionError, KeyError)):
        getattr(contract, broken)()


def test_columns_are_told() -> None:
    told = example_told(example_graph(), "side")
    assert set(told.columns["side"]) == {"left", "right", None}
