"""Pairs of a response atlas; the worm (Randi et al. 2023) with the bar that any model has to pass."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphlab.predict import functional
from graphlab.predict.functional import Measured, functional_task
from graphlab.predict.protocol import run
from ingest.errors import AnalysisError, SchemaError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
MOTOR = re.compile(r"(AS|DA|DB|DD|VA|VB|VC|VD)\d+")
LAYERS = ("NPP_RipollSanchez2023_shortRange", "dopamine_Bentley2016", "octopamine_Bentley2016", "serotonin_Bentley2016",
          "tyramine_Bentley2016")  # fmt: skip


def worm_class(name: str, names: set[str]) -> str:
    """AVAL and AVAR are AVA; SMBDL and three more are SMB; VB2 is a VB. RID stays apart from RIV."""
    if MOTOR.fullmatch(name):
        return name[:2]
    other = {"L": "R", "R": "L"}.get(name[-1], "")
    stem = name[:-1] if other and name[:-1] + other in names else name
    turned = {"D": "V", "V": "D"}.get(stem[-1], "")
    twins = {stem[:-1] + turned + end for end in ("", "L", "R")}
    return stem[:-1] if len(stem) > 3 and turned and twins & names else stem


def randi(real_data: Path) -> Measured:
    """The signal-propagation atlas, the summed wiring in the order of sorted ids, places, extrasynaptic layers."""
    import h5py

    folder = real_data / "celegans_randi2023_funconn"
    lines = (folder / "neuron_ids.txt").read_text().splitlines()
    names = sorted(parts[1] for parts in map(str.split, lines) if len(parts) == 2)
    # AWCOFF and AWCON are AWCL and AWCR by convention.
    side = {"AWCOFF": "AWCL", "AWCON": "AWCR"}
    place = {side.get(name, name): k for k, name in enumerate(names)}
    ids = np.arange(1, len(names) + 1, dtype=np.uint64)
    with h5py.File(folder / "aconnectome_default.h5") as file:
        matrices = {"chemical": file["chem"][:].T, "electrical": file["gap"][:].T}
    far = np.zeros((len(names), len(names)))
    for source in LAYERS:
        with (real_data / "celegans_extrasynaptic" / f"{source}.csv").open(newline="") as file:
            first, *rows = csv.reader(file)
        at = [place.get(name, -1) for name in first[1:]]
        for row in rows:
            pre = place.get(row[0], -1)
            for post, value in zip(at, row[1:], strict=True):
                if pre >= 0 and post >= 0 and value and float(value):
                    far[pre, post] += 1
    matrices["extrasynaptic"] = far
    snapshots = {kind: Snapshot.from_edges(ids, *np.nonzero(m), m[np.nonzero(m)]) for kind, m in matrices.items()}
    header, *rows = (folder / "anatlas_neuron_positions.txt").read_text().splitlines()
    where = dict(zip(header.lstrip("#").split(), (list(map(float, row.split())) for row in rows), strict=True))
    position = np.array([where.get(name, [np.nan] * 3) for name in place]) * 1e3
    atlas = np.load(folder / "derived_wild-type_atlas.npz", allow_pickle=False)
    measured = [place[str(name)] for name in atlas["neuron_ids"]]
    responds = np.full((len(names),) * 2, -1, dtype=np.int8)
    # The atlas has the responding neuron in rows.
    verdict = np.where(atlas["has_kernel"], np.isfinite(atlas["scalar_atlas"]).astype(np.int8), -1).T
    responds[np.ix_(measured, measured)] = verdict
    classes = [worm_class(name, set(place)) for name in place]
    return Measured(ids, snapshots, responds, classes, position)


def made(n: int = 40, seed: int = 0) -> Measured:
    """Whoever is wired, and near, responds; twins next to each other in the numbering."""
    rng = np.random.default_rng(seed)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    wired = np.triu(rng.random((n, n)) < 0.3, 1) | np.tril(rng.random((n, n)) < 0.3, -1)
    place = rng.random((n, 3)) * 1e5
    near = np.linalg.norm(place[:, None] - place[None], axis=2) < 6e4
    chemical = Snapshot.from_edges(ids, *np.nonzero(wired))
    return Measured(ids, {"chemical": chemical}, (wired & near).astype(np.int8), [str(k // 2) for k in range(n)], place)


def test_pairs_are_measured_placed_and_of_two_neurons() -> None:
    measured = made()
    responds = measured.responds.copy()
    responds[0, 1] = -1
    assert measured.position_nm is not None
    place = measured.position_nm.copy()
    place[5] = np.nan
    examples = functional.examples_of(replace(measured, responds=responds, position_nm=place))
    assert examples.m == 39 * 38 - 1
    assert (examples.source != examples.target).all()
    assert 5 not in examples.source
    assert np.array_equal(examples.label, responds[examples.source, examples.target])
    with pytest.raises(SchemaError, match=r"responses \(39, 39\)"):
        functional.examples_of(replace(measured, responds=responds[1:, 1:]))
    with pytest.raises(AnalysisError, match="no measured pair"):
        functional.examples_of(replace(measured, responds=np.full((40, 40), -1, dtype=np.int8)))


def test_made_responses_are_found_with_both_ends_unseen() -> None:
    found = run(functional_task(made(), folds=3, bootstraps=20))
    assert found.scores["random forest"]["auroc"].value > 0.95
    assert found.scores["random forest without distance"]["auroc"].value < found.scores["random forest"]["auroc"].value
    assert found.scores["identity rates"]["auroc"].value == 0.5
    assert 0.6 < found.scores["synapse count"]["auroc"].value < found.scores["random forest"]["auroc"].value
    bare = functional_task(replace(made(), position_nm=None))
    assert "distance" not in bare.predictors


def test_worm_classes() -> None:
    names = {"AVAL", "AVAR", "AVL", "AVDL", "AVDR", "RID", "RIVL", "RIVR", "VB2", "I3", "I1L", "I1R", "SABD", "SABVL",
             "SABVR", "RMED", "RMEV", "RMEL", "RMER", "IL1DL", "IL1DR", "IL1VL", "IL1VR", "IL1L", "IL1R"}  # fmt: skip
    found = {name: worm_class(name, names) for name in sorted(names)}
    assert set(found.values()) == {"AVA", "AVL", "AVD", "RID", "RIV", "VB", "I3", "I1", "SAB", "RME", "IL1"}


@pytest.mark.slow
def test_randi_and_the_bar(real_data: Path) -> None:
    """Both ends unseen: synapse count says little, distance much, and no model is far ahead of it."""
    pytest.importorskip("h5py")
    measured = randi(real_data)
    names = ("synapse count", "distance", "identity rates", "logistic regression", "random forest",
             "random forest without distance")  # fmt: skip
    task = replace(functional_task(measured, folds=4, bootstraps=100), predictors=names, candidates=())
    # All pairs with a kernel: AWC's two names are translated, so that none lacks wiring or a place.
    assert (task.examples.m, int(task.examples.label.sum())) == (24_320, 1_154)
    found = run(task)
    for name, scores in found.scores.items():
        print(name, {metric: f"{e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for metric, e in scores.items()})
    auroc = {name: scores["auroc"].value for name, scores in found.scores.items()}
    assert set(found.leaks.values()) == {0.0}
    assert auroc["identity rates"] == 0.5
    assert 0.5 < auroc["synapse count"] < 0.6
    assert 0.66 < auroc["distance"] < 0.77
    assert auroc["random forest without distance"] < auroc["random forest"]
    for name in ("random forest", "logistic regression"):
        assert 0.66 < auroc[name] < 0.82, name
    assert 1_000 < np.mean([fold["test"] for fold in found.card["folds"]]) < 2_500
