"""Closed forms against sampling and against the sum over every graph."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from numpy.testing import assert_allclose

from graphlab.motifs.census.codes import TRIAD_LABELS, code_of, edges_of, man_label, smallest_codes, triad_class_codes
from graphlab.motifs.nulls.analytic import dyad_class_codes
from graphlab.motifs.nulls.models import NullOptions, observable_part, sample_seed
from graphlab.motifs.nulls.registered import null_model
from queries.snapshot import Snapshot


def snapshot(edges: list[tuple[int, int]], n: int) -> Snapshot:
    pre, post = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post)


def random_graph(n: int, p: float, seed: int) -> Snapshot:
    taken = np.random.default_rng(seed).random((n, n)) < p
    np.fill_diagonal(taken, False)
    taken |= taken.T & (np.random.default_rng(seed + 1).random((n, n)) < 0.2)
    return snapshot(list(zip(*np.nonzero(taken), strict=True)), n)


def slow_census(graph: Snapshot, class_of_code: np.ndarray, size: int) -> np.ndarray:
    """Every set of neurons looked at one by one."""
    taken = set(zip(graph.sources().tolist(), graph.out_target.tolist(), strict=True))
    counts = np.zeros(class_of_code.max() + 1, dtype=np.int64)
    for nodes in itertools.combinations(range(graph.n), size):
        inside = [(a, b) for a, b in itertools.permutations(range(size), 2) if (nodes[a], nodes[b]) in taken]
        counts[class_of_code[code_of(inside)]] += 1
    return counts


def test_codes_name_triads_as_networkx_does() -> None:
    for code in range(64):
        graph = nx.DiGraph(edges_of(code, 3))
        graph.add_nodes_from(range(3))
        assert nx.triad_type(graph) == man_label(code)
        assert code_of(edges_of(code, 3)) == code
        assert man_label(int(smallest_codes(3)[code])) == man_label(code)
    assert len(set(smallest_codes(4).tolist())) == 218


CLASSES = {2: dyad_class_codes(), 3: triad_class_codes()}


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("null", ["er", "dyad"])
def test_closed_form_is_the_average_over_every_graph(null: str, size: int) -> None:
    """All graphs of 4 neurons with the same number of connections (and the same dyad census)."""
    graph = snapshot([(0, 1), (1, 0), (1, 2), (2, 3), (3, 0)], 4)
    pairs = list(itertools.permutations(range(4), 2))
    counts = []
    for chosen in itertools.combinations(pairs, graph.m):
        mutual = sum((b, a) in chosen for a, b in chosen) // 2
        if null == "er" or mutual == 1:
            counts.append(slow_census(snapshot(list(chosen), 4), CLASSES[size], size))
    form = null_model(null).prepare(graph, NullOptions(), 0).closed_form(CLASSES[size])
    assert form is not None
    assert_allclose(form.mean, np.mean(counts, axis=0), atol=1e-12)
    assert_allclose(form.std, np.std(counts, axis=0), atol=1e-6)


@pytest.mark.parametrize("null", ["er", "dyad"])
def test_tetrad_closed_form_is_the_sampled_null(null: str) -> None:
    graph = random_graph(9, 0.3, 2)
    smallest = smallest_codes(4)
    names, class_of_code = np.unique(smallest, return_inverse=True)
    form = null_model(null).prepare(graph, NullOptions(), 0).closed_form(class_of_code)
    assert form is not None
    sampler = null_model(null).prepare(graph, NullOptions(), 0)
    samples = 600
    counts = np.array([slow_census(sampler.draw(sample_seed(0, k)), class_of_code, 4) for k in range(samples)])
    assert form.mean.sum() == pytest.approx(126)
    error = np.maximum(form.std, 1e-9) / np.sqrt(samples)
    assert np.abs((counts.mean(axis=0) - form.mean) / error)[form.mean > 0.1].max() < 4.5
    well = form.mean > 1
    assert_allclose(counts.std(axis=0)[well], form.std[well], rtol=0.25)
    assert len(names) == 218


@pytest.mark.parametrize("null", ["er", "dyad"])
def test_closed_form_is_the_sampled_null_over_observable_pairs(null: str) -> None:
    whole = random_graph(24, 0.15, 5)
    rng = np.random.default_rng(8)
    options = NullOptions(observable_pre=rng.random(24) < 0.7, observable_post=rng.random(24) < 0.8)
    graph = observable_part(whole, options)
    assert 0 < graph.m < whole.m
    classes = triad_class_codes()
    form = null_model(null).prepare(graph, options, 0).closed_form(classes)
    assert form is not None
    assert np.isnan(form.std).all()
    sampler = null_model(null).prepare(graph, options, 0)
    drawn = [sampler.draw(sample_seed(1, k)) for k in range(400)]
    for one in drawn:
        assert options.observable_pre is not None
        assert options.observable_post is not None
        assert one.m == graph.m
        assert options.observable_pre[one.sources()].all()
        assert options.observable_post[one.out_target].all()
    counts = np.array([slow_census(one, classes, 3) for one in drawn])
    error = np.maximum(counts.std(axis=0), 1e-3) / np.sqrt(len(drawn))
    frequent = form.mean > 0.2
    assert np.abs((counts.mean(axis=0) - form.mean) / error)[frequent].max() < 4.5
    assert form.mean.sum() == pytest.approx(2024)
    assert len(form.mean) == len(TRIAD_LABELS)
