"""The best place to cut a cable in two, by what its windows say or by its calibre; how well a ranking finds errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints

LEAST = 3
"""Windows that either side of a cut has."""
UNLIKELY = 1e-3
"""A label that is less probable counts as this: one window alone cannot outweigh its neighbours."""


@dataclass(frozen=True)
class Cut:
    """The edge above ``node``, which parts its subtree from the rest."""

    node: int
    """-1 where no cut leaves enough windows on both sides."""
    gain: float
    inside: int = -1
    """Most likely label below the cut."""
    outside: int = -1


def label_cut(parents: Ints, probability: Floats, least: int = LEAST) -> Cut:
    """The cut after which two labels explain the windows best: the log likelihood ratio of two cells against one.

    Args:
        parents: [n] index of the parent, before its children; -1 at a root. probability: [n, classes] of the window at
            each node; rows of NaN at nodes without one. least: windows on either side.
    """
    there = np.isfinite(probability).all(axis=1)
    logs = np.zeros(probability.shape)
    logs[there] = np.log(np.maximum(probability[there], UNLIKELY))
    below, count = _subtrees(parents, np.column_stack([logs, there]))
    total = logs.sum(axis=0)
    gain = below.max(axis=1) + (total - below).max(axis=1) - total.max()
    node = _best(gain, parents, count, int(there.sum()), least)
    if node < 0:
        return Cut(-1, 0.0)
    return Cut(node, float(gain[node]), int(below[node].argmax()), int((total - below[node]).argmax()))


def radius_cut(parents: Ints, radius_nm: Floats, least: int = LEAST) -> Cut:
    """The cut between the two mean log radii that differ most: gain is the drop in the sum of squares."""
    there = np.isfinite(radius_nm) & (radius_nm > 0)
    logs = np.zeros(len(radius_nm))
    logs[there] = np.log(radius_nm[there])
    below, count = _subtrees(parents, np.column_stack([logs, there]))
    rest = there.sum() - count
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below[:, 0] / count - (logs.sum() - below[:, 0]) / rest
        gain = np.nan_to_num(count * rest / max(there.sum(), 1) * apart**2)
    node = _best(gain, parents, count, int(there.sum()), least)
    return Cut(node, float(gain[node]) if node >= 0 else 0.0)


def precision_at_recall(score: Floats, wrong: np.ndarray, recall: float = 0.5) -> float:
    """Share of errors among the highest scores that hold at least this share of all errors; NaN without errors.

    Tied scores are looked at together.
    """
    total = int(wrong.sum())
    if not total:
        return float("nan")
    values, place = np.unique(-score, return_inverse=True)
    found = np.cumsum(np.bincount(place, weights=wrong, minlength=len(values)))
    looked = np.cumsum(np.bincount(place, minlength=len(values)))
    at = int(np.argmax(found >= recall * total - 1e-9))
    return float(found[at] / looked[at])


def _subtrees(parents: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Sums of all columns but the last over every subtree, and of the last one."""
    sums = values.astype(np.float64)
    for node in range(len(parents) - 1, -1, -1):
        if parents[node] >= 0:
            sums[parents[node]] += sums[node]
    return sums[:, :-1], sums[:, -1]


def _best(gain: Floats, parents: Ints, count: Floats, windows: int, least: int) -> int:
    able = (parents >= 0) & (count >= least) & (windows - count >= least)
    return int(np.flatnonzero(able)[np.argmax(gain[able])]) if able.any() else -1
