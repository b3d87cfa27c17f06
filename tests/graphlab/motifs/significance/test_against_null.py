"""Statistics beside a null: what it fixes has no z and no p, and q is over all that was tested."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.motifs.census.weights import motif_weights
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.significance.against_null import (
    FIXED,
    is_fixed,
    null_columns,
    roles_against_null,
    signed_against_null,
)
from graphlab.motifs.significance.motifs import motif_significance
from graphlab.motifs.significance.weights import against_shuffles
from queries.snapshot import Snapshot


def random_graph(n: int, chance: float, seed: int) -> Snapshot:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero((rng.random((n, n)) < chance) & ~np.eye(n, dtype=bool))
    return Snapshot.from_edges(
        np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)).astype(float)
    )


@pytest.mark.parametrize(
    ("null", "size", "options"),
    [
        ("reciprocal", 2, {}),
        ("dyad", 2, {}),
        ("block", 2, {"labels": ["a", "b"] * 20, "keep_reciprocity": True}),
        ("spatial", 2, {"position_nm": np.random.default_rng(0).normal(size=(40, 3)), "keep_reciprocity": True}),
    ],
)
def test_dyads_that_a_null_keeps_are_fixed(null: str, size: int, options: dict[str, object]) -> None:
    settings = NullOptions(**options)  # type: ignore[arg-type]
    found = motif_significance(
        random_graph(40, 0.15, 1), size, null=null, samples=12, options=settings, check_mixing=False
    )
    assert found.notes == (FIXED,) * 3
    for values in (found.z, found.p, found.q, found.p_low, found.p_high):
        assert np.isnan(values).all()
    free = motif_significance(random_graph(40, 0.15, 1), size, null="configuration", samples=12, check_mixing=False)
    assert FIXED not in free.notes
    assert np.isfinite(free.p).all()


def test_rounding_is_no_spread() -> None:
    observed = np.array([0.1 + 0.2, 5.0, np.nan, 2.0])
    drawn = np.array([[0.3, 5.0, 1.0, 1.0], [0.3, 5.0, 2.0, 3.0], [0.1 + 0.2, 5.0, np.nan, 2.0]])
    assert is_fixed(observed, drawn).tolist() == [True, True, False, False]
    found = null_columns(observed, drawn)
    assert np.isnan(found["z"][:3]).all()
    assert np.isnan(found["p"][:3]).all()
    assert found["note"] == [FIXED, FIXED, "", ""]
    assert found["p"][3] == 1.0


def test_weight_nulls_have_q_over_all_and_fix_what_no_shuffle_changes() -> None:
    """One weight has coherence 1 whatever it is; without q six in ten null graphs showed some p <= .05."""
    any_p, any_q = [], []
    for seed in range(15):
        view = random_graph(16, 0.25, seed)
        table = against_shuffles(view, motif_weights(view, 3, ("raw", "log")), 3, "weights", 79, seed, NullOptions())
        p = np.concatenate([table[f"{name}_p"].to_numpy(zero_copy_only=False) for name in ("intensity", "coherence")])
        q = np.concatenate([table[f"{name}_q"].to_numpy(zero_copy_only=False) for name in ("intensity", "coherence")])
        p, q = p.astype(float), q.astype(float)
        assert (q[np.isfinite(p)] >= p[np.isfinite(p)] - 1e-12).all()
        any_p.append(np.nanmin(p) <= 0.05)
        any_q.append(np.nanmin(q) <= 0.05)
    assert np.mean(any_p) > 0.3
    assert np.mean(any_q) <= 0.15
    pairs = against_shuffles(view, motif_weights(view, 2, ("raw",)), 2, "weights", 19, 0, NullOptions())
    one_way = next(row for row in pairs.to_pylist() if row["motif"] == "asymmetric")
    assert one_way["coherence_note"] == FIXED
    assert one_way["coherence_p"] is None
    assert one_way["coherence_z"] is None
    assert one_way["intensity_p"] is not None


def test_signed_triads_beside_a_null() -> None:
    """Wiring drawn from the null itself is unremarkable; loops planted among inhibitory neurons are not."""
    sign = [1, -1] * 15
    source = null_model("configuration").prepare(random_graph(30, 0.15, 3), NullOptions(), 5)
    view = source.draw(sample_seed(5, 0))
    table = signed_against_null(view, sign, "configuration", 79, 1)
    q = np.array(table["q"].to_pylist(), dtype=float)
    assert table["count"].to_pylist() == [int(c) for c in table["count"].to_pylist()]
    assert np.nanmin(q) > 0.05
    fixed = [row for row in table.to_pylist() if row["note"] == FIXED]
    assert all(row["p"] is None and row["z"] is None for row in fixed)
    inhibitory = list(range(1, 30, 2))
    view = random_graph(30, 0.06, 3)
    pre = [*view.sources().tolist()]
    post = [*view.out_target.tolist()]
    for a, b, c in zip(inhibitory[::3], inhibitory[1::3], inhibitory[2::3], strict=True):
        pre += [a, b, c]
        post += [b, c, a]
    edges = np.unique(np.array([pre, post]), axis=1)
    planted = Snapshot.from_edges(view.root_ids, edges[0], edges[1])
    rows = signed_against_null(planted, sign, "configuration", 199, 1).to_pylist()
    loop = next(row for row in rows if row["motif"] == "030C" and row["signs"] == "---")
    assert loop["count"] >= 3
    assert loop["p"] <= 0.05
    assert loop["z"] > 2


def test_roles_beside_a_null_by_group_and_by_neuron() -> None:
    view = random_graph(24, 0.2, 4)
    table = roles_against_null(view, 3, ["x", "y"] * 12, "reciprocal", 39, 0)
    assert {"null_mean", "null_std", "z", "p", "q", "note"} <= set(table.schema.names)
    assert np.nanmin(np.array(table["q"].to_pylist(), dtype=float)) > 0.01
    alone = roles_against_null(view, 2, [str(own) for own in view.root_ids], "reciprocal", 9, 0)
    assert set(alone["note"].to_pylist()) == {FIXED}, "every neuron keeps its dyads"
    assert alone["p"].null_count == alone.num_rows
    free = roles_against_null(view, 2, [str(own) for own in view.root_ids], "configuration", 9, 0)
    assert free["p"].null_count < free.num_rows
