"""The contract of the NullModel seam.

Tests: tests/contracts/test_null_models.py.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from graphlab.motifs.census.codes import triad_class_codes
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.kernels.pair_classes import distance_classes, pair_class
from graphlab.motifs.nulls import models
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import KEEPS, NEEDS, Ints, NullModel, NullOptions, observable_part, sample_seed
from graphlab.motifs.nulls.registered import null_model, null_names, weight_null
from graphlab.testing.refusal import refusal
from ingest.schema.errors import GraphlabError
from queries.snapshot import Snapshot

NEURONS, CONNECTIONS = 40, 300
NEARLY = 0.05
"""Share of all triads by which annealed ones may differ."""


def example_graph(neurons: int = NEURONS, connections: int = CONNECTIONS, seed: int = 0) -> Snapshot:
    """A random graph with mutual dyads and weights, its arrays read-only; the last neuron has no connection."""
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(neurons - 1) for b in range(neurons - 1) if a != b]
    chosen = rng.choice(len(pairs), min(connections, len(pairs)), replace=False)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)[np.sort(chosen)]
    ids = np.arange(1, neurons + 1, dtype=np.uint64)
    graph = Snapshot.from_edges(ids, ends[:, 0], ends[:, 1], rng.integers(1, 50, len(ends)))
    for array in _arrays(graph).values():
        array.flags.writeable = False
    return graph


def example_options(neurons: int = NEURONS, **other: Any) -> NullOptions:
    """Everything a null may need to be told: labels (some unknown), positions, and who was proofread."""
    rng = np.random.default_rng(4)
    return NullOptions(
        labels=[None if k % 9 == 0 else "xyz"[k % 3] for k in range(neurons)],
        position_nm=rng.random((neurons, 3)) * 1e5,
        distance_bins=6,
        observable_pre=rng.random(neurons) < 0.9,
        observable_post=rng.random(neurons) < 0.9,
        **other,
    )


def told(options: NullOptions, needs: frozenset[str]) -> NullOptions:
    """Only what a null says it needs."""
    placed = needs & {models.POSITIONS, models.NEARNESS}
    return replace(
        options,
        labels=options.labels if models.LABELS in needs else None,
        position_nm=options.position_nm if placed else None,
    )


class NullModelContract:
    """What every null model does.

    ::

        class TestAcme(NullModelContract):
            name = "acme"
    """

    name: str
    """Of the entry point."""

    @property
    def null(self) -> NullModel:
        return null_model(self.name) if self.name in null_names() else weight_null(self.name)

    def draw(self, graph: Snapshot, options: NullOptions, number: int = 0) -> Snapshot:
        return self.null.prepare(graph, options, 0).draw(sample_seed(0, number))

    def test_words(self) -> None:
        """It is called something, and what it needs and keeps are known words."""
        null = self.null
        assert null.name
        assert null.needs <= set(NEEDS), f"needs {set(null.needs) - set(NEEDS)}; known: {list(NEEDS)}"
        assert null.keeps <= set(KEEPS), f"keeps {set(null.keeps) - set(KEEPS)}; known: {list(KEEPS)}"
        assert null.name in null.sentence(example_options())

    def test_draws_keep_what_it_says(self) -> None:
        """What it keeps is kept; no autapse, no pair twice, nothing outside the pairs that were looked at."""
        null = self.null
        options = told(example_options(), null.needs)
        before = observable_part(example_graph(), options)
        sampler = null.prepare(before, options, 3)
        wanted = {word: KEPT[word](before, before, example_options()) for word in null.keeps}
        for number in range(3):
            drawn = sampler.draw(sample_seed(3, number))
            assert drawn.meta["null"] == null.name
            assert np.array_equal(drawn.root_ids, before.root_ids)
            source, target = drawn.sources(), drawn.out_target
            assert (source != target).all(), "an autapse"
            assert len({*zip(source.tolist(), target.tolist(), strict=True)}) == drawn.m, "a pair twice"
            assert len(drawn.weight) == drawn.m
            assert np.isfinite(drawn.weight).all()
            assert options.observable_pre is not None
            assert options.observable_post is not None
            assert options.observable_pre[source].all(), "a connection from an axon that was not seen"
            assert options.observable_post[target].all(), "a connection to a dendrite that was not seen"
            for word, value in wanted.items():
                found = KEPT[word](drawn, before, example_options())
                assert _same(word, found, value), f"{null.name} says it keeps {KEEPS[word]}"

    def test_same_seed_same_bytes(self) -> None:
        """A sample depends on its seed and nothing else, whatever the number of workers; other seeds differ."""
        null = self.null
        options = told(example_options(), null.needs)
        graph = observable_part(example_graph(), options)

        def content(drawn: Snapshot) -> Ints:
            arrays = b"".join(array.tobytes() for array in _arrays(drawn).values())
            return np.frombuffer(hashlib.blake2b(arrays, digest_size=16).digest(), dtype=np.int64)

        sampler = null.prepare(graph, options, 7)
        one, many = (sample_counts(own, content, samples=5, seed=7, workers=workers)
                     for own, workers in ((sampler, 1), (null.prepare(graph, options, 7), 3)))  # fmt: skip
        assert one.tobytes() == many.tobytes(), "other graphs with three workers than with one"
        assert content(sampler.draw(sample_seed(7, 0))).tobytes() == one[0].tobytes(), "a sample drawn later is another"
        assert len({row.tobytes() for row in one}) == len(one), "two seeds, one graph"

    def test_the_graph_stays_as_it_is(self) -> None:
        """Nothing of what it is given changes; stored graphs are mapped from files and cannot."""
        null = self.null
        options = told(example_options(), null.needs)
        graph = observable_part(example_graph(), options)
        for array in _arrays(graph).values():
            array.flags.writeable = False
        before = {name: array.tobytes() for name, array in _arrays(graph).items()}
        self.draw(graph, options)
        assert {name: array.tobytes() for name, array in _arrays(graph).items()} == before

    def test_needs_are_declared(self) -> None:
        """It works with what it says it needs, and without any of it says so in one error."""
        graph, needs = example_graph(), self.null.needs
        self.draw(graph, told(example_options(), needs))
        for need in needs:
            without = told(example_options(), needs - {need})
            refusal(f"a draw without {need}", partial(self.draw, graph, without), GraphlabError)

    def test_tiny_graphs(self) -> None:
        """A graph with next to nothing to change: a draw, or one error of ours."""
        for neurons, connections in ((2, 0), (3, 1), (3, 2), (5, 12)):
            graph = example_graph(neurons, connections)
            with suppress(GraphlabError):
                assert self.draw(graph, told(_unmasked(neurons), self.null.needs)).n == graph.n

    def test_a_closed_form_agrees_with_the_draws(self) -> None:
        """Exact means of triads lie where those of many draws do."""
        null = self.null
        graph, samples = example_graph(16, 60), 200
        sampler = null.prepare(graph, told(_unmasked(16), null.needs), 0)
        exact = sampler.closed_form(triad_class_codes())
        if exact is None:
            return
        drawn = sample_counts(sampler, triad_counts, samples=samples, seed=0)
        error = np.maximum(drawn.std(axis=0), 1.0) / np.sqrt(samples)
        assert (np.abs(drawn.mean(axis=0) - exact.mean) <= 5 * error).all()

    def test_a_walk_starts_where_samples_do(self) -> None:
        """A chain behind the draws: a copy goes its own way, and of few graphs the observed one comes first."""
        null = self.null
        graph = example_graph(5, 8)
        walk = null.prepare(graph, told(_unmasked(5), null.needs), 0).walk()
        if walk is None:
            return
        assert walk.null == null.name
        assert walk.steps >= 1
        before, other = walk.graph().out_target.tobytes(), walk.copy()
        accepted = other.run(100, models.random_state(np.random.SeedSequence(1)))
        assert 0 <= accepted <= 100
        assert walk.graph().out_target.tobytes() == before, "a copy moved what it was copied from"
        every = walk.all_graphs()
        if every is not None:
            assert np.array_equal(every[0].out_target, graph.out_target), "the observed graph comes first"
            listed = {(one.out_start.tobytes(), one.out_target.tobytes()) for one in every}
            assert len(listed) == len(every)
            assert (other.graph().out_start.tobytes(), other.graph().out_target.tobytes()) in listed


def _unmasked(neurons: int) -> NullOptions:
    return replace(example_options(neurons), observable_pre=None, observable_post=None)


def _arrays(graph: Snapshot) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(graph).items() if isinstance(value, np.ndarray)}


def _mutual(graph: Snapshot) -> Ints:
    taken = np.zeros((graph.n, graph.n), dtype=np.int64)
    taken[graph.sources(), graph.out_target] = 1
    return np.asarray((taken * taken.T).sum(axis=1))


def _by_distance(graph: Snapshot, before: Snapshot, options: NullOptions) -> Counter[int]:
    assert options.position_nm is not None
    classes = distance_classes(before, options.position_nm, options.distance_bins)
    return Counter(int(pair_class(classes, a, b)) for a, b in zip(graph.sources(), graph.out_target, strict=True))


def _by_type(graph: Snapshot, before: Snapshot, options: NullOptions) -> Counter[tuple[str | None, str | None]]:
    label = options.labels
    assert label is not None
    return Counter((label[a], label[b]) for a, b in zip(graph.sources(), graph.out_target, strict=True))


KEPT: dict[str, Callable[[Snapshot, Snapshot, NullOptions], Any]] = {
    models.CONNECTIONS: lambda graph, before, options: graph.m,
    models.DEGREES: lambda graph, before, options: (graph.out_start.tolist(), graph.in_start.tolist()),
    models.DYADS: lambda graph, before, options: (graph.m, int(_mutual(graph).sum())),
    models.RECIPROCITY: lambda graph, before, options: _mutual(graph).tolist(),
    models.TYPES: _by_type,
    models.DISTANCES: _by_distance,
    models.TRIADS: lambda graph, before, options: triad_counts(graph),
    models.WIRING: lambda graph, before, options: (graph.out_start.tobytes(), graph.out_target.tobytes()),
}
"""What a null may keep -> how it is counted in a graph; ``before`` is the observed one."""


def _same(word: str, found: Any, wanted: Any) -> bool:
    if word == models.TRIADS:
        return bool(np.abs(found - wanted)[3:].sum() <= NEARLY * wanted[3:].sum())
    return bool(found == wanted)
