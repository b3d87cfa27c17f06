"""Significance: the worm's published answers, calibration on graphs drawn from the null, and what is not answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.io import loadmat
from scipy.stats import kstest

from graphlab.motifs.census.codes import CONNECTED_TRIADS, TRIAD_LABELS
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import InterruptedSamples, sample_counts
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.significance.against_null import FIXED, UNMIXED
from graphlab.motifs.significance.motifs import ABSENT, RARE, motif_significance, significance
from graphlab.statistics import p_values
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot


def varshney(folder: Path) -> Snapshot:
    """The 279 neurons and 2,194 chemical connections of Varshney et al. 2011."""
    matrix = loadmat(folder / "celegans_varshney2011" / "ConnOrdered_040903.mat")["A_init_t_ordered"].tocoo()
    return Snapshot.from_edges(np.arange(1, 280, dtype=np.uint64), matrix.row, matrix.col, matrix.data)


def random_graph(n: int, m: int, seed: int, mutual: float = 0.2) -> Snapshot:
    """Uneven degrees and a share of mutual dyads."""
    rng = np.random.default_rng(seed)
    pull = rng.lognormal(0, 0.7, n)
    pairs = rng.choice(n, (m, 2), p=pull / pull.sum())
    pairs = np.concatenate([pairs, pairs[: int(mutual * m)][:, ::-1]])
    pairs = np.unique(pairs, axis=0)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


PUBLISHED = {
    "reciprocal": ({"030T": 1.59, "030C": 0.45, "120D": 3.6, "120U": 3.7, "210": 2.7}, {"030T": 15.0}, (12.0, 14.0)),
    "configuration": ({"030T": 1.11, "030C": 0.24}, {"030T": 2.1}, (34.0, 36.0)),
}


@pytest.mark.parametrize("null", PUBLISHED)
def test_varshney_triads_against_both_nulls(null: str, real_data: Path) -> None:
    """The null decides: the feed-forward loop is 1.11x (z 2) without and 1.59x (z 15) with kept reciprocity."""
    worm = varshney(real_data)
    assert (worm.n, worm.m) == (279, 2194)
    found = motif_significance(worm, 3, null=null, samples=600, seed=11)
    rows = {row["motif"]: row for row in found.rows()}
    ratios, scores, all_mutual = PUBLISHED[null]
    for name, ratio in ratios.items():
        assert rows[name]["ratio"] == pytest.approx(ratio, rel=0.05), name
    for name, z in scores.items():
        assert rows[name]["z"] == pytest.approx(z, abs=2), name
    assert 0.8 * all_mutual[0] <= rows["300"]["ratio"] <= 1.2 * all_mutual[1]
    assert rows["300"]["note"] == RARE
    assert not rows["300"]["z_trusted"]
    assert rows["030C"]["z_trusted"]
    assert found.samples >= found.samples_needed == 519
    assert found.caveats == ()
    assert rows["030C"]["q"] < 0.05
    assert np.isnan(rows["003"]["q"])
    assert found.mixing is not None
    assert found.mixing.mixes
    assert found.mixing.recommended_steps_per_edge <= 10


def test_varshney_reciprocity_fixes_dyads(real_data: Path) -> None:
    worm = varshney(real_data)
    kept = motif_significance(worm, 2, null="reciprocal", samples=5)
    assert kept.notes == (FIXED, FIXED, FIXED)
    assert np.isnan(kept.z).all()
    assert np.isnan(kept.q).all()
    assert np.isnan(kept.p).all()
    free = motif_significance(worm, 2, samples=100)
    assert free.null == "configuration"
    assert free.ratio[2] > 3
    assert free.observed.tolist() == [36820, 1728, 233]


@pytest.mark.slow
@pytest.mark.parametrize("null", ["reciprocal", "configuration"])
def test_p_values_are_calibrated_on_graphs_drawn_from_the_null(null: str) -> None:
    model = null_model(null)
    source = model.prepare(random_graph(60, 700, 1), NullOptions(steps_per_edge=20), 99)
    trials, samples = 250, 39
    rng = np.random.default_rng(0)
    plain, broken, means = [], [], []
    for trial in range(trials):
        graph = source.draw(sample_seed(99, trial))
        observed = triad_counts(graph)
        counts = sample_counts(model.prepare(graph, NullOptions(), trial), triad_counts, samples=samples, seed=trial)
        plain.append(p_values.two_sided_p(observed, counts))
        broken.append(p_values.two_sided_p(observed, counts, ties=rng))
        means.append(counts.mean(axis=0))
    mean = np.mean(means, axis=0)
    judged = 0
    for k, name in enumerate(TRIAD_LABELS):
        one = np.array(plain)[:, k]
        for level in (0.05, 0.1, 0.25, 0.5):
            assert (one <= level).mean() <= level + 4 * np.sqrt(level * (1 - level) / trials), name
        if mean[k] >= 50 and name in CONNECTED_TRIADS:
            judged += 1
            assert kstest(np.array(broken)[:, k], "uniform").pvalue > 1e-3, name
    assert judged >= 8


@pytest.mark.parametrize("null", ["reciprocal", "configuration", "er", "dyad"])
def test_same_seed_same_bytes_whatever_the_workers(null: str) -> None:
    graph = random_graph(50, 400, 3)
    alone, together = (motif_significance(graph, 3, null=null, samples=30, seed=4, workers=w) for w in (1, 2))
    assert alone.counts.tobytes() == together.counts.tobytes()
    assert repr(alone.rows()) == repr(together.rows())


@pytest.mark.parametrize("null", ["er", "dyad"])
def test_closed_forms_replace_sampled_moments(null: str) -> None:
    graph = random_graph(40, 300, 5)
    found = motif_significance(graph, 3, null=null, samples=400)
    error = found.counts.std(axis=0, ddof=1) / 20
    assert (np.abs(found.counts.mean(axis=0) - found.mean)[error > 0] / error[error > 0] < 4.5).all()
    assert_allclose(found.ratio_low, found.ratio)
    assert "means are exact" in found.sentence


def test_a_planted_feed_forward_loop_is_significant_and_others_are_not_all() -> None:
    rng = np.random.default_rng(7)
    taken = {(int(a), int(b)) for a, b in rng.integers(0, 200, (600, 2)) if a != b}
    for _ in range(60):
        a, b, c = rng.choice(200, 3, replace=False).tolist()
        taken |= {(a, b), (b, c), (a, c)}
    pairs = np.array(sorted(taken))
    planted = Snapshot.from_edges(np.arange(1, 201, dtype=np.uint64), pairs[:, 0], pairs[:, 1])
    found = motif_significance(planted, 3, samples=300, seed=1)
    at = TRIAD_LABELS.index("030T")
    assert found.ratio[at] > 1.3
    assert found.z[at] > 4
    assert found.p[at] == pytest.approx(2 / 301)
    assert found.ratio_low[at] < found.ratio[at] < found.ratio_high[at]
    assert found.p_low[at] == 0 < found.p_high[at] < 0.05
    assert found.low[at] <= found.median[at] <= found.high[at]
    assert np.nanmax(found.q) > 0.05


def test_too_few_samples_are_told() -> None:
    found = motif_significance(random_graph(40, 300, 2), 3, samples=20)
    assert any("20 samples cannot bring a single class among 13 to q .05" in text for text in found.caveats)
    assert any("519 are needed, or 259 if" in text for text in found.caveats)


def test_sequential_run_stops_early_and_says_so() -> None:
    """On a random graph no class is a surprise, so every one is decided soon; z plays no part."""
    model = null_model("configuration")
    graph = model.prepare(random_graph(60, 700, 8, 0.0), NullOptions(steps_per_edge=50), 5).draw(sample_seed(5, 0))
    settings = {"null": "configuration", "samples": 2000, "seed": 3, "sequential": 5}
    alone, together = (motif_significance(graph, 3, workers=w, **settings) for w in (1, 2))
    assert alone.samples < 2000
    assert alone.counts.tobytes() == together.counts.tobytes()
    assert any("Besag & Clifford" in text for text in alone.caveats)
    assert np.nanmin(alone.p[alone.tested]) > 2 / 2001


def test_a_null_that_cannot_mix_gives_no_z() -> None:
    star = Snapshot.from_edges(np.arange(1, 32, dtype=np.uint64), np.zeros(30, dtype=np.int64), np.arange(1, 31))
    found = motif_significance(star, 3, samples=30)
    assert found.mixing is not None
    assert not found.mixing.mixes
    assert any("cannot mix" in text for text in found.caveats)
    assert np.isnan(found.z).all()
    nearly = Snapshot.from_edges(np.arange(1, 9, dtype=np.uint64), [0, 2, 4, 1], [1, 3, 5, 2])
    found = motif_significance(nearly, 3, samples=30, null="block", options=NullOptions(labels=list("abcdefgh")))
    assert np.isnan(found.z).all()
    few = Snapshot.from_edges(np.arange(1, 33, dtype=np.uint64), [0, 1, 2], [1, 2, 3])
    found = motif_significance(few, 3, samples=30, null="configuration")
    assert UNMIXED in found.notes
    assert np.isnan(found.p[[note == UNMIXED for note in found.notes]]).all()
    # A graph of few neurons needs no chain: every graph of the null is counted.
    tiny = motif_significance(
        Snapshot.from_edges(few.root_ids[:6], [0, 1, 2], [1, 2, 3]), 3, samples=30, null="configuration"
    )
    assert UNMIXED not in tiny.notes
    assert np.isfinite(tiny.p).any()


def test_a_class_the_null_never_makes_is_named() -> None:
    """One graph only has the mutual triangle: three neurons joined both ways among many single connections."""
    ring = np.arange(3, 103)
    pre = np.concatenate([[0, 1, 1, 2, 2, 0], ring])
    post = np.concatenate([[1, 0, 2, 1, 0, 2], np.roll(ring, 1)])
    found = motif_significance(
        Snapshot.from_edges(np.arange(1, 104, dtype=np.uint64), pre, post), 3, null="configuration", samples=50
    )
    at = TRIAD_LABELS.index("300")
    assert found.notes[at] == ABSENT
    assert found.ratio[at] == np.inf
    assert np.isnan(found.z[at])
    assert found.p[at] == pytest.approx(2 / 51)


def test_observable_pairs_only() -> None:
    graph = random_graph(50, 500, 9)
    rng = np.random.default_rng(1)
    seen = NullOptions(observable_pre=rng.random(50) < 0.5, observable_post=rng.random(50) < 0.9)
    found = motif_significance(graph, 3, samples=10, options=seen)
    assert seen.observable_pre is not None
    assert seen.observable_post is not None
    keep = seen.observable_pre[graph.sources()] & seen.observable_post[graph.out_target]
    part = Snapshot.from_edges(graph.root_ids, graph.sources()[keep], graph.out_target[keep])
    assert found.observed.tolist() == triad_counts(part).tolist()
    assert 0 < part.m < graph.m


def test_a_cut_run_goes_on(tmp_path: Path) -> None:
    graph = random_graph(50, 400, 3)

    def press(done: int, total: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedSamples, match="12 of 40"):
        motif_significance(graph, 3, samples=40, folder=tmp_path, progress=press)
    seen: list[int] = []
    again = motif_significance(graph, 3, samples=40, folder=tmp_path, progress=lambda done, total: seen.append(done))
    assert seen[0] == 13
    assert again.counts.tobytes() == motif_significance(graph, 3, samples=40).counts.tobytes()


def test_requests_that_cannot_be_met() -> None:
    graph = random_graph(20, 60, 1)
    for size in (1, 9):
        with pytest.raises(AnalysisError, match="sizes are 2, 3 and 4"):
            motif_significance(graph, size)
        with pytest.raises(AnalysisError, match="sizes are 2, 3 and 4"):
            significance(graph, triad_counts, TRIAD_LABELS, size)
    with pytest.raises(UnknownNameError, match="unknown null model 'config'"):
        motif_significance(graph, 3, null="config")
    with pytest.raises(AnalysisError, match="no connections"):
        motif_significance(graph.subset(min_weight=9), 3)
    with pytest.raises(AnalysisError, match="16 classes, 2 names"):
        significance(graph, triad_counts, ("a", "b"), 3)


def test_size_four_says_what_it_did_not_correct_for() -> None:
    graph = random_graph(30, 120, 2)

    def count(drawn: Snapshot) -> np.ndarray:
        return np.array([drawn.m, triad_counts(drawn)[8]])

    plain = significance(graph, count, ("edges", "ffl"), 4, samples=10)
    assert any("not corrected for triads" in text for text in plain.caveats)
    annealed = significance(graph, count, ("edges", "ffl"), 4, samples=10, null="triads")
    assert not any("not corrected for triads" in text for text in annealed.caveats)
    assert any("annealed to the observed triads" in text for text in annealed.caveats)
