"""Homologues of the whole larva: medians of five starts beside runs of one, and how calibrated confidence is."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from graphlab.circuits.matching.confidence import agreed_matching
from graphlab.circuits.matching.frank_wolfe import Block, Sides, match_sides
from graphlab.circuits.matching.sides import equal_values

STARTS = 5
REFERENCE = {
    ("ipsilateral", 0.0): 0.808, ("ipsilateral", 0.05): 0.815, ("ipsilateral", 0.2): 0.841,
    ("bisected", 0.0): 0.845, ("bisected", 0.05): 0.840, ("bisected", 0.2): 0.864,
}  # fmt: skip
"""One start each."""


@pytest.fixture(scope="module")
def larva(real_data: Path) -> tuple[Sides, list[str]]:
    """1,403 pairs of the column ``pair``; the number of a neuron is that of its homologue."""
    folder = real_data / "larva_winding2023"
    with (folder / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = {int(row[""]): row for row in csv.DictReader(file)}
    pairs = [
        (number, int(row["pair"]))
        for number, row in rows.items()
        if row["hemisphere"] == "L" and int(row["pair"]) > 0
        and row["selected_lcc"] == rows[int(row["pair"])]["selected_lcc"] == "True"
    ]  # fmt: skip
    assert len(pairs) == 1403
    left, right = ({pair[end]: at for at, pair in enumerate(pairs)} for end in (0, 1))
    edges = np.loadtxt(folder / "G_edgelist.txt")

    def wired(of: dict[int, int], onto: dict[int, int]) -> sparse.csr_array:
        kept = [(of[int(a)], onto[int(b)], w) for a, b, w in edges if int(a) in of and int(b) in onto and a != b]
        i, j, w = map(np.array, zip(*kept, strict=True))
        return sparse.csr_array((np.log1p(w), (i.astype(int), j.astype(int))), shape=(len(pairs), len(pairs)))

    sides = Sides(wired(left, left), wired(right, right), wired(left, right), wired(right, left))
    return sides, [rows[number]["simple_group"] for number, _ in pairs]


@pytest.mark.parametrize("form", ["ipsilateral", "bisected"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_homologues(larva: tuple[Sides, list[str]], side_by_side: Callable[..., Any], form: str, share: float) -> None:
    sides, _ = larva
    n = sides.n
    if form == "ipsilateral":
        sides = Sides(sides.first, sides.second)
    right = []
    for start in range(STARTS):
        rng = np.random.default_rng([start, int(share * 100)])
        known = np.sort(rng.choice(n, int(share * n), replace=False))
        found = match_sides(sides, [Block(np.arange(n), np.arange(n))], np.stack([known, known], 1), rng=rng)
        free = np.setdiff1d(np.arange(n), known)
        right.append(float((found.partner[free] == free).mean()))
    middle = float(np.median(right))
    side_by_side.note(
        f"{form}, {share:.0%} seeds: median {middle:.3f} of {STARTS} starts ({min(right):.3f} .. {max(right):.3f}); "
        f"reference {REFERENCE[form, share]:.3f}"
    )
    assert middle > REFERENCE[form, share] - 0.02


def test_types_and_confidence(larva: tuple[Sides, list[str]], side_by_side: Callable[..., Any]) -> None:
    sides, groups = larva
    n = sides.n
    blocks, nodes = [Block(np.arange(n), np.arange(n))], np.arange(n)
    alike = equal_values([(groups, groups)], nodes, nodes, blocks, 1.0, sides)
    with_groups = match_sides(sides, blocks, np.empty((0, 2), np.int64), alike, np.random.default_rng(0))
    side_by_side.note(
        f"bisected, simple_group speaks for a pair, no seeds: {(with_groups.partner == nodes).mean():.3f}"
    )
    known = np.sort(np.random.default_rng(1).choice(n, n // 5, replace=False))
    found = agreed_matching(sides, blocks, np.stack([known, known], 1), starts=2, folds=3, seed=1)
    rest = np.setdiff1d(nodes, known)
    told, right = found.confidence[rest], found.partner[rest] == rest
    bins = np.minimum((told * 10).astype(int), 9)
    error = sum(abs(told[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    sure = told > 0.9
    side_by_side.note(
        f"20 % known: {right.mean():.3f} of the other {len(rest):,} right, held out {found.held_out_accuracy:.3f}; "
        f"expected calibration error {error:.3f} (ten bins); above .9: {sure.sum():,} pairs, "
        f"{right[sure].mean():.3f} right"
    )
    assert error < 0.1
