"""Controls of the full atlas against a made one: known noise, and a strain that keeps half the responses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.controls import atlas_controls as of_atlas
from graphlab.predict.controls.atlas_controls import atlas_controls, in_order, of_strain
from graphlab.predict.controls.control_plan import NOT_AVAILABLE, ControlResult
from graphlab.predict.evaluation.evaluate import Estimate
from graphlab.predict.tasks.functional import FunctionalData
from ingest.recordings.funatlas import FunctionalAtlas, Strain
from ingest.schema.errors import SchemaError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
N = 48


def strain(drive: np.ndarray, rng: np.random.Generator, noise: float) -> Strain:
    """Trials scatter about the drive; what is found is what is large and often seen."""
    count = rng.integers(4, 12, drive.shape)
    trials = np.empty(drive.shape, dtype=object)
    for pair in np.ndindex(*drive.shape):
        trials[pair] = drive[pair] + rng.normal(0, noise, count[pair])
    size = np.vectorize(np.mean)(trials)
    found = (size * np.sqrt(count) > 1.2).astype(float)
    return Strain(size, np.where(found > 0, 0.01, 0.6), np.where(found > 0, 0.9, 0.01), count, trials)


def made(noise: float = 0.5, seed: int = 0) -> tuple[FunctionalData, list[str], FunctionalAtlas]:
    rng = np.random.default_rng(seed)
    names = sorted(["AWCL", "AWCR", *(f"N{k:03d}" for k in range(N - 2))])
    ids = np.arange(1, N + 1, dtype=np.uint64)
    wired = rng.random((N, N)) < 0.3
    np.fill_diagonal(wired, False)
    drive = wired * rng.gamma(2.0, 0.5, (N, N))
    kept = np.where(np.arange(N)[None] % 4 < 2, drive, 0.0)
    strains = {"wt": strain(drive, rng, noise), "unc31": strain(kept, rng, noise)}
    snapshot = Snapshot.from_edges(ids, *np.nonzero(wired))
    classes = [str(k // 2) for k in range(N)]
    measured = FunctionalData(
        ids, {"chemical": snapshot}, np.full((N, N), -1, np.int8), classes, rng.random((N, 3)) * 1e5
    )
    called = {"AWCL": "AWCOFF", "AWCR": "AWCON"}
    return measured, names, FunctionalAtlas(tuple(called.get(name, name) for name in names), strains)


def of(rows: list[ControlResult], control: str, what: str, metric: str = "auroc") -> Estimate:
    (row,) = (r for r in rows if (r.control, r.what, r.metric) == (control, what, metric))
    assert row.estimate is not None
    return row.estimate


def test_without_the_file_every_line_says_so() -> None:
    measured, names, _ = made()
    rows = atlas_controls(measured, names, None)
    assert [row.control for row in rows] == ["trial counts", "noise ceiling", "unc-31 transfer", "animal splits"]
    assert {row.cells()[4] for row in rows} == {NOT_AVAILABLE}
    assert all("funatlas.h5" in row.note for row in rows)


def test_made_atlas() -> None:
    measured, names, atlas = made()
    rows = atlas_controls(measured, names, atlas, "logistic regression", folds=4, bootstraps=50)
    assert "no animals" in rows[-1].note
    # Trained on the strain with all responses, half of which the other lacks.
    wild = of(rows, "unc-31 transfer", "logistic regression, tested on the wild type")
    other = of(rows, "unc-31 transfer", "logistic regression, tested on unc-31")
    assert wild.value - 0.02 > other.value > other.lo > 0.6
    assert of(rows, "unc-31 transfer", "gain of logistic regression over distance, on unc-31").lo > 0.1
    assert abs(of(rows, "unc-31 transfer", "distance, tested on unc-31").value - 0.5) < 0.12


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_noise_ceiling_is_that_of_the_made_noise(noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_atlas, "CLIP", np.inf)
    measured, names, atlas = made(noise)
    # All pairs have eight trials, so that the reliability has a closed form.
    rng = np.random.default_rng(1)
    drive = atlas.strains["wt"].size
    wild = atlas.strains["wt"]
    trials = np.empty((N, N), dtype=object)
    for pair in np.ndindex(N, N):
        trials[pair] = drive[pair] + rng.normal(0, noise, 8)
    atlas = replace(atlas, strains={**atlas.strains, "wt": replace(wild, trials=trials)})
    rows = atlas_controls(measured, names, atlas, "distance", folds=2, bootstraps=50)
    off = ~np.eye(N, dtype=bool)
    spread = drive[off].var()
    half, whole = spread / (spread + noise**2 / 4), spread / (spread + noise**2 / 8)
    r = of(rows, "noise ceiling", "r of two halves", "pearson")
    assert r.value == pytest.approx(half, abs=0.05)
    assert of(rows, "noise ceiling", "reliability (Spearman-Brown)", "pearson").value == pytest.approx(whole, abs=0.05)
    top = of(rows, "noise ceiling", "highest r with the true mean", "pearson")
    assert top.value == pytest.approx(np.sqrt(whole), abs=0.05)
    assert top.lo <= top.value <= top.hi


def test_one_wild_trial_decides_no_ceiling() -> None:
    measured, names, atlas = made(0.2)
    wild = atlas.strains["wt"]
    before = of(atlas_controls(measured, names, atlas, "distance", folds=2, bootstraps=0), "noise ceiling",
                "r of two halves", "pearson")  # fmt: skip
    rows = atlas_controls(measured, names, atlas, "distance", folds=2, bootstraps=0)
    assert len({(row.control, row.what, row.metric) for row in rows}) == len(rows), "distance beside itself once"
    wild.trials[3, 4][0] = 1e4
    after = of(atlas_controls(measured, names, atlas, "distance", folds=2, bootstraps=0), "noise ceiling",
               "r of two halves", "pearson")  # fmt: skip
    assert after.value == pytest.approx(before.value, abs=0.01)
    assert before.value > 0.8


def test_few_trials_and_a_silent_strain() -> None:
    measured, names, atlas = made()
    wild, other = atlas.strains["wt"], atlas.strains["unc31"]
    short = np.empty((N, N), dtype=object)
    for pair in np.ndindex(N, N):
        short[pair] = wild.trials[pair][:3]
    changed = {"wt": replace(wild, trials=short), "unc31": replace(other, q=np.full((N, N), 0.9))}
    rows = atlas_controls(measured, names, replace(atlas, strains=changed), "distance", folds=2, bootstraps=0)
    notes = {row.control: row.note for row in rows if row.estimate is None}
    assert notes["noise ceiling"] == "0 pairs have 4 trials or more"
    assert "unc-31 has no responses" in notes["unc-31 transfer"]


def test_neurons_are_found_by_name_whatever_their_order() -> None:
    measured, names, atlas = made()
    order = in_order(atlas, names)
    assert np.array_equal(order, np.arange(N)), "AWCL and AWCR stand for AWCOFF and AWCON"
    some = [*reversed(names[3:]), "NOBODY"]
    places = in_order(atlas, some)
    assert places[-1] == -1
    assert [atlas.names[k] for k in places[:-1]][:3] == some[:3]
    back = of_strain(measured, atlas.strains["wt"], order)
    for i, j in ((0, 5), (5, 0), (7, 9)):
        assert back.responds[i, j] == (atlas.strains["wt"].q[i, j] < 0.05)
    unmeasured = replace(atlas.strains["wt"], q=np.tile(np.where(np.arange(N) == 4, np.nan, 0.5), (N, 1)))
    assert (of_strain(measured, unmeasured, order).responds[:, 4] == -1).all()
    gone = of_strain(measured, atlas.strains["wt"], np.where(np.arange(N) == 2, -1, order))
    assert (gone.responds[2] == -1).all()
    assert (gone.responds[:, 2] == -1).all()
    with pytest.raises(SchemaError, match="0 of the 48 neurons of the atlas are in this graph"):
        in_order(atlas, [f"x{k}" for k in range(N)])
    with pytest.raises(SchemaError, match="3 names of 48 neurons"):
        atlas_controls(measured, names[:3], atlas)


def test_observations_follow_the_pair() -> None:
    measured, names, atlas = made()
    order = in_order(atlas, names)
    plan = of_atlas.ControlSetup.of(of_strain(measured, atlas.strains["wt"], order), "distance", folds=2, bootstraps=0)
    only = np.full((N, N), 1)
    only[plan.examples.source[plan.examples.label == 1], plan.examples.target[plan.examples.label == 1]] = 9
    rows = of_atlas.trial_counts(plan, replace(atlas.strains["wt"], observations=only), order)
    assert of(rows, "trial counts", "number of observations").value == 1.0
    assert of(rows, "trial counts", "number of observations, against absent").value == 1.0
