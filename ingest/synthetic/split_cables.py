"""Planted split errors: made cells, some of them cut in two, laid end to end so that every segment ends beside others.

Tests: tests/graphlab/predict/proofread/test_split_errors.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ingest.synthetic.embedded_cells import STEP_NM, Floats, MadeCells

GAP_NM = (200.0, 2_000.0)
"""Between two ends, whether of one cell or of two: how near they are says nothing."""


@dataclass(frozen=True, eq=False)
class SplitCells:
    """Segments, and which of them are one cell."""

    cells: MadeCells
    split: np.ndarray
    """uint64 [splits, 2] root_ids of the two halves, the smaller first."""


def split_cells(cells: MadeCells, seed: int, share: float = 0.15) -> SplitCells:
    """Cut a share of the cells in two, and lay all segments one after another along one line, in random order."""
    rng = np.random.default_rng(seed)
    pieces: list[tuple[np.ndarray, int]] = []
    for cell in rng.permutation(len(cells.root_ids)).tolist():
        rows = np.arange(cells.first[cell], cells.first[cell + 1])
        rows = rows[::-1] if rng.random() < 0.5 else rows
        cut = int(rng.integers(len(rows) // 3, len(rows) - len(rows) // 3 + 1)) if rng.random() < share else 0
        pieces += [(part, cell) for part in (np.split(rows, [cut]) if cut else [rows])]
    number = rng.permutation(len(pieces))
    points: list[Floats] = []
    at = np.zeros(3)
    for rows, _ in pieces:
        steps = rng.normal(size=(len(rows), 3)) * 0.3 + np.array([1.0, 0.0, 0.0])
        steps *= STEP_NM / np.linalg.norm(steps, axis=1, keepdims=True)
        gap = rng.normal(size=3) * 0.3 + np.array([1.0, 0.0, 0.0])
        steps[0] = gap * rng.uniform(*GAP_NM) / np.linalg.norm(gap)
        points.append(at + np.cumsum(steps, axis=0))
        at = points[-1][-1]
    order = np.argsort(number)
    rows = np.concatenate([pieces[k][0] for k in order])
    ids = cells.root_ids[0] + np.arange(len(pieces), dtype=np.uint64)
    halves = [k for k in range(1, len(pieces)) if pieces[k][1] == pieces[k - 1][1]]
    split = np.array([sorted((ids[number[k - 1]], ids[number[k]])) for k in halves], dtype=np.uint64).reshape(-1, 2)
    made = replace(
        cells,
        root_ids=ids,
        type=[cells.type[pieces[k][1]] for k in order],
        vectors=cells.vectors[rows],
        first=np.concatenate([[0], np.cumsum([len(pieces[k][0]) for k in order])]).astype(np.int64),
        points_nm=np.concatenate([points[k] for k in order]),
        radius_nm=cells.radius_nm[rows],
        compartment=[cells.compartment[k] for k in rows.tolist()],
        merged_at=np.full(len(pieces), -1, dtype=np.int64),
    )
    return SplitCells(made, split)
