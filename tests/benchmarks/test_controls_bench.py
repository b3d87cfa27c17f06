"""Controls beside the worm's response table: rewired layers, distance out, leaks, shuffled labels, size and sign.

``GRAPHLAB_CONTROLS_PREDICTOR`` names another predictor than the random forest, such as the nominated one, and
``GRAPHLAB_FUNATLAS`` the full atlas file, without which four lines say that they are not available.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from graphlab.predict.controls.atlas_controls import atlas_controls
from graphlab.predict.controls.beyond_distance import distance_controls
from graphlab.predict.controls.control_plan import ControlResult, ControlSetup, table
from graphlab.predict.controls.controls import LEAKY_SPLITS, rewiring_gains, shuffle_control
from graphlab.predict.controls.leak_scores import leak_scores
from graphlab.predict.controls.response_size import size_and_sign
from graphlab.predict.tasks.functional import FunctionalData
from ingest.recordings.funatlas import read_funatlas

PREDICTOR = os.environ.get("GRAPHLAB_CONTROLS_PREDICTOR", "random forest")
FULL_ATLAS = os.environ.get("GRAPHLAB_FUNATLAS")
BOOTSTRAPS = 500
WORKERS = 2
FOLDS = {"neuron": 10, "class": 5}


@pytest.fixture(scope="module")
def plans(randi_sized: FunctionalData) -> dict[str, ControlSetup]:
    return {
        split: ControlSetup.of(randi_sized, PREDICTOR, split, folds, 0, BOOTSTRAPS, WORKERS)
        for split, folds in FOLDS.items()
    }


def show(side_by_side: Any, rows: Iterable[ControlResult], start: tuple[float, float]) -> None:
    """Lines of the table at once (with -s) and again at the end, and what they took."""
    lines = [" | ".join(cell for cell in row if cell) for row in table(rows)[1:]]
    lines.append(
        f"{time.perf_counter() - start[0]:,.0f} s, {time.process_time() - start[1]:,.0f} s of processor, for the lines "
        f"above on {WORKERS} threads"
    )
    for line in lines:
        print(line, flush=True)
        side_by_side.note(f"worm responses | {line}")


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def test_rewired_layers(plans: dict[str, ControlSetup], side_by_side: Any) -> None:
    """Both ends unseen; ten rewirings, one for each fold."""
    start = now()
    rows = rewiring_gains(plans["neuron"])
    show(side_by_side, rows, start)
    assert {row.what for row in rows} >= {f"gain of {kind}" for kind in ("chemical", "electrical", "extrasynaptic")}


@pytest.mark.parametrize("split", FOLDS)
def test_distance_regressed_out(plans: dict[str, ControlSetup], split: str, side_by_side: Any) -> None:
    start = now()
    show(side_by_side, distance_controls(plans[split]), start)


@pytest.mark.parametrize("split", LEAKY_SPLITS)
def test_leak_table(randi_sized: FunctionalData, split: str, side_by_side: Any) -> None:
    start = now()
    show(side_by_side, leak_scores(ControlSetup.of(randi_sized, PREDICTOR, split, 5, 0, BOOTSTRAPS, WORKERS)), start)


def test_shuffled_labels(plans: dict[str, ControlSetup], side_by_side: Any) -> None:
    start = now()
    show(side_by_side, shuffle_control(plans["neuron"]), start)


@pytest.mark.parametrize("split", FOLDS)
def test_size_and_sign(plans: dict[str, ControlSetup], split: str, side_by_side: Any) -> None:
    start = now()
    show(side_by_side, size_and_sign(plans[split]), start)


def test_full_atlas(randi_measured: FunctionalData, real_data: Path, side_by_side: Any) -> None:
    """Trial counts, noise ceiling, unc-31 and animals, by q values; or why not."""
    start = now()
    lines = (real_data / "celegans_randi2023_funconn" / "neuron_ids.txt").read_text().splitlines()
    names = sorted(parts[1] for parts in map(str.split, lines) if len(parts) == 2)
    atlas = read_funatlas(FULL_ATLAS) if FULL_ATLAS else None
    rows = atlas_controls(randi_measured, names, atlas, PREDICTOR, "neuron", 10, 0, BOOTSTRAPS, WORKERS)
    show(side_by_side, rows, start)
    assert len(rows) == 4 or atlas is not None
