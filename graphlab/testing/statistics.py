"""The contract of the Statistic seam.

Tests: tests/contracts/test_statistics.py.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from graphlab.circuits.statistics.registered import STATISTICS
from graphlab.circuits.statistics.statistic import Measured, Statistic, Told
from graphlab.circuits.statistics.table import against_null, measure_all
from graphlab.testing.null_models import example_graph
from graphlab.testing.refusal import refusal
from ingest.schema.errors import GraphlabError
from queries.snapshot import Snapshot

NEURONS = 60


def example_told(graph: Snapshot, *columns: str) -> Told:
    """Everything a statistic may be told: every eighth neuron lacks a value in each column."""
    words = {"flow": ("intrinsic", "afferent"), "nt_type": ("acetylcholine", "GABA"), "cell_type": ("a", "b", "c")}
    filled = {
        name: [
            None if k % 8 == 7 else words.get(name, ("left", "right"))[k % len(words.get(name, (1, 2)))]
            for k in range(graph.n)
        ]
        for name in columns
    }
    return Told(filled, seed=3, club_degree=10)


class StatisticContract:
    """What every statistic does.

    ::

        class TestHubs(StatisticContract):
            name = "hubs"
    """

    name: str
    """Of the entry point."""

    @property
    def statistic(self) -> Statistic:
        return STATISTICS.get(self.name)

    def measure(self, graph: Snapshot) -> Measured:
        return self.statistic.measure(graph, example_told(graph, *self.statistic.needs))

    def test_words(self) -> None:
        """It is called what its entry point says, defines what it gives, and names each number once."""
        assert self.statistic.name == self.name
        assert self.statistic.sentence(Told()).strip().endswith("."), "a sentence that defines its numbers"
        values = self.measure(example_graph(NEURONS, 400)).values
        assert values, "no numbers"
        keys = [value.key for value in values]
        assert len(set(keys)) == len(keys), f"a name (with group and at) twice among {keys}"
        assert all(value.name and value.unit for value in values)

    def test_numbers_of_neurons_are_one_for_each(self) -> None:
        graph = example_graph(NEURONS, 400)
        found = self.measure(graph)
        for name, values in found.neurons.items():
            assert values.dtype == np.float64, f"{name} is {values.dtype}"
            assert values.shape == (graph.n,), f"{name} has shape {values.shape} for {graph.n} neurons"
        assert all(len(labels) == graph.n for labels in found.labels.values())
        assert not set(found.neurons) & set(found.labels)

    def test_same_seed_same_bytes(self) -> None:
        """Whatever the number of workers, and with pivots as without."""
        graph = example_graph(400, 4000)
        for exact_up_to in (10_000, 100):
            told = replace(example_told(graph, *self.statistic.needs), exact_up_to=exact_up_to)
            one, many = (self.statistic.measure(graph, replace(told, workers=workers)) for workers in (1, 3))
            assert _bytes(one) == _bytes(many), "other numbers with three workers than with one"

    def test_the_graph_stays_as_it_is(self) -> None:
        """Stored graphs are mapped from files and cannot change; the example's arrays are read-only."""
        graph = example_graph(NEURONS, 400)
        before = graph.out_target.tobytes(), graph.weight.tobytes()
        self.measure(graph)
        assert (graph.out_target.tobytes(), graph.weight.tobytes()) == before

    def test_needs_are_declared(self) -> None:
        """Without a column that it says it needs, one error of ours."""
        graph = example_graph(NEURONS, 400)
        needs = self.statistic.needs
        for need in needs:
            told = example_told(graph, *(needs - {need}))
            refusal(f"{self.name} without {need}", partial(self.statistic.measure, graph, told), GraphlabError)

    def test_tiny_graphs(self) -> None:
        """One connection, a pair, a path: numbers, NaN where there is none, or one error of ours."""
        for neurons, connections in ((3, 1), (3, 2), (4, 2), (6, 20)):
            with suppress(GraphlabError):
                found = self.measure(example_graph(neurons, connections))
                assert all(np.isfinite(value.value) or np.isnan(value.value) for value in found.values)

    def test_beside_a_null(self) -> None:
        """Every number has a mean under a null, or says that the null fixes it, or is NaN somewhere."""
        graph = example_graph(NEURONS, 400)
        told = example_told(graph, *self.statistic.needs)
        observed = measure_all(graph, [self.name], told)
        found = against_null(graph, observed, [self.name], told, "configuration", samples=4)
        assert set(found.columns) == {value.key for value in observed.values}
        for row in found.columns.values():
            assert np.isnan(row["p"]) or 0 < row["p"] <= 1


def _bytes(found: Measured) -> bytes:
    values = repr([(value.key, value.value, value.error, value.over) for value in found.values]).encode()
    return values + b"".join(name.encode() + array.tobytes() for name, array in sorted(found.neurons.items()))
