"""Mining: typed counts against brute force, a planted motif first, luck not called."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.codes import code_of, edges_of, man_label, pattern_text, smallest_codes
from graphlab.motifs.kernels.subgraphs import adjacency_of, at_most
from graphlab.motifs.mining.typed import mine, reachable, typed_census, unpack
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def snapshot(edges: set[tuple[int, int]], n: int) -> Snapshot:
    pairs = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


def brute_force(
    edges: set[tuple[int, int]], n: int, size: int, labels: list[str]
) -> Counter[tuple[int, tuple[str, ...]]]:
    """Typed motifs by looking at every set of neurons in every order."""
    found: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for nodes in itertools.combinations(range(n), size):
        inside = {(a, b) for a, b in itertools.permutations(nodes, 2) if (a, b) in edges}
        joined = {nodes[0]}
        for _ in nodes:
            joined |= {x for edge in inside for x in edge if joined & set(edge)}
        if len(joined) < size:
            continue
        drawings = []
        for order in itertools.permutations(nodes):
            role = {node: k for k, node in enumerate(order)}
            drawings.append((code_of([(role[a], role[b]) for a, b in inside]), tuple(labels[x] for x in order)))
        found[min(drawings)] += 1
    return found


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_typed_counts_are_those_of_brute_force(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([3, 4]))
    n = data.draw(st.integers(1, 9))
    pairs = list(itertools.permutations(range(n), 2))
    edges = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    labels = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    names = sorted(set(labels))
    graph = snapshot(edges, n)
    number = np.array([names.index(x) for x in labels], dtype=np.int32)
    keys, counts = typed_census(graph, number, len(names), size, np.ones(n, dtype=bool))
    ours = {unpack(int(key), size, names): int(count) for key, count in zip(keys, counts, strict=True)}
    assert ours == dict(brute_force(edges, n, size, labels))
    assert counts.sum() <= at_most(adjacency_of(graph), size)


def test_neurons_without_a_type_are_left_out() -> None:
    graph = snapshot({(0, 1), (1, 2), (2, 3), (1, 3)}, 4)
    label = np.array([1, 0, 0, 0], dtype=np.int32)
    keys, counts = typed_census(graph, label, 2, 3, np.array([False, True, True, True]))
    assert counts.tolist() == [1]
    assert unpack(int(keys[0]), 3, ["a", "(unknown)"])[1] == ("a", "a", "a")


@pytest.mark.parametrize(
    ("edges", "types", "text"),
    [
        ([(0, 1), (1, 2), (0, 2)], ["L2", "Mi1", "T4a"], "L2 -> Mi1 -> T4a, L2 -> T4a"),
        ([(0, 1), (1, 2), (2, 0)], ["A", "B", "C"], "A -> B -> C -> A"),
        ([(0, 1), (1, 0), (0, 2)], ["A", "B", "A"], "A#1 -> A#2, A#1 <-> B"),
        ([(0, 2), (0, 3), (1, 2), (1, 3)], ["A", "B", "C", "D"], "A -> C, A -> D, B -> C, B -> D"),
    ],
)
def test_patterns_read_as_people_write_them(edges: list[tuple[int, int]], types: list[str], text: str) -> None:
    assert pattern_text(code_of(edges), types) == text


def planted(seed: int = 0, n: int = 240, m: int = 1400, copies: int = 40) -> tuple[Snapshot, list[str], int]:
    """A random typed graph with L2 -> Mi1 -> T4a, L2 -> T4a put in many times; n, and the motif's code."""
    rng = np.random.default_rng(seed)
    labels = [["L2", "Mi1", "T4a", "Tm3", "C3"][k % 5] for k in range(n)]
    of = {name: [k for k in range(n) if labels[k] == name] for name in set(labels)}
    edges = {(int(a), int(b)) for a, b in rng.integers(0, n, (m, 2)) if a != b}
    for _ in range(copies):
        a, b, c = (int(rng.choice(of[name])) for name in ("L2", "Mi1", "T4a"))
        edges |= {(a, b), (b, c), (a, c)}
    return snapshot(edges, n), labels, int(smallest_codes(3)[code_of([(0, 1), (1, 2), (0, 2)])])


WANTED = "L2 -> Mi1 -> T4a, L2 -> T4a"


def test_planted_motif_is_found_first_by_the_maximum_statistic() -> None:
    graph, labels, code = planted()
    mined = mine(graph, labels, samples=99, seed=1)
    first = mined.motifs[0]
    assert (first.pattern, first.motif, first.code) == (WANTED, "030T", code)
    assert first.p == pytest.approx(0.01)
    assert first.ratio > 3
    assert first.surprise > 2 * mined.motifs[1].surprise
    assert mined.motifs[1].p > 0.05
    assert f"{mined.tried:,} typed motifs tried" in mined.rule
    assert mined.tried > 500
    assert mined.to_arrow().num_rows == len(mined.motifs)
    assert "mutual" in mined.sentence


@pytest.mark.parametrize("split", ["random", "hemisphere"])
def test_planted_motif_holds_on_the_other_half(split: str) -> None:
    graph, labels, _ = planted(copies=160, m=1000)
    given_split = split if split == "random" else np.arange(240) % 10 < 5
    mined = mine(
        graph, labels, samples=99, seed=2, split=given_split, split_rule="" if split == "random" else "left", top=5
    )
    first = mined.motifs[0]
    assert first.pattern == WANTED
    assert first.q < 0.1
    assert first.test_count > 0
    assert mined.tested == len(mined.motifs) == 5
    assert ("random" if split == "random" else "left") in mined.rule
    assert f"{mined.tested} tested on the other" in mined.rule
    assert "take 99" not in mined.rule
    few = mine(graph, labels, samples=9, seed=2, split=given_split, top=5)
    assert "9 samples are too few" in few.rule


def test_tetrads_are_mined_too() -> None:
    rng = np.random.default_rng(5)
    labels = [["A", "B", "C", "D"][k % 4] for k in range(160)]
    edges = {(int(a), int(b)) for a, b in rng.integers(0, 160, (250, 2)) if a != b}
    for k in range(0, 160, 4):
        edges |= {(k, k + 2), (k, k + 3), (k + 1, k + 2), (k + 1, k + 3)}
    mined = mine(snapshot(edges, 160), labels, 4, samples=39, seed=1)
    assert mined.motifs[0].pattern == "A -> C, A -> D, B -> C, B -> D"
    assert mined.motifs[0].code == int(smallest_codes(4)[code_of([(0, 2), (0, 3), (1, 2), (1, 3)])])
    assert mined.motifs[0].p == pytest.approx(1 / 40)


@pytest.mark.slow
def test_nothing_is_called_where_nothing_was_planted() -> None:
    """P(any typed motif has p <= a) <= a over random typed graphs."""
    called = []
    for trial in range(60):
        rng = np.random.default_rng(100 + trial)
        edges = {(int(a), int(b)) for a, b in rng.integers(0, 60, (300, 2)) if a != b}
        labels = [str(x) for x in rng.choice(list("abc"), 60)]
        found = mine(snapshot(edges, 60), labels, samples=39, seed=trial, min_count=1).motifs
        called.append(min(m.p for m in found) <= 0.1)
    assert np.mean(called) <= 0.1 + 3 * np.sqrt(0.09 / 60)


def test_same_bytes_for_workers_and_a_cut_run(tmp_path: Path) -> None:
    graph, labels, _ = planted(n=100, m=500, copies=15)
    alone, together = (mine(graph, labels, samples=12, seed=3, workers=w) for w in (1, 2))
    assert repr(alone) == repr(together)

    def press(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine(graph, labels, samples=12, seed=3, folder=tmp_path, progress=press)
    seen: list[int] = []
    again = mine(graph, labels, samples=12, seed=3, folder=tmp_path, progress=lambda done, total: seen.append(done))
    assert seen[0] == 6
    assert repr(again) == repr(alone)


def test_requests_that_cannot_be_met() -> None:
    graph, labels, _ = planted(n=60, m=200, copies=5)
    with pytest.raises(AnalysisError, match="3 or 4 neurons, not 9"):
        mine(graph, labels, 9)
    with pytest.raises(AnalysisError, match="no neuron has a cell type"):
        mine(graph, [None] * 60)
    with pytest.raises(AnalysisError, match="'random' or one true or false"):
        mine(graph, labels, split="sideways")
    with pytest.raises(AnalysisError, match="both halves filled"):
        mine(graph, labels, split=np.ones(60, dtype=bool))
    with pytest.raises(AnalysisError, match="no connections to mine"):
        mine(graph.subset(min_weight=5), labels)
    hub = Snapshot.from_edges(np.arange(1, 60002, dtype=np.uint64), np.zeros(60000, dtype=int), np.arange(1, 60001))
    with pytest.raises(AnalysisError, match="raise min_weight"):
        mine(hub, ["a"] * 60001, samples=1)
    with pytest.raises(AnalysisError, match="coarser types"):
        typed_census(graph, np.zeros(60, dtype=np.int32), 40_000, 4, np.ones(60, dtype=bool))


def test_labels_of_triads_agree_with_codes() -> None:
    for code in set(smallest_codes(3).tolist()):
        assert man_label(code_of(edges_of(code, 3))) == man_label(code)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (10, "10 samples allow no p below 0.091: p 0.05 takes 19 and p 0.01 takes 99"),
        (20, "20 samples allow no p below 0.048: p 0.01 takes 99"),
        (99, "99 samples allow no p below 0.01"),
    ],
)
def test_how_small_a_p_the_samples_allow(samples: int, told: str) -> None:
    assert reachable(samples) == told
