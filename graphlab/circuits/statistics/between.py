"""Differences between brains: descriptive below three a group, beside what differs between the sides of each.

Neurons are no replicates, brains are: p values permute whole brains, and there are none where a group has fewer than
three of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.circuits.statistics.by_side import Numbers
from graphlab.circuits.statistics.statistic import Floats
from graphlab.statistics.p_values import benjamini_hochberg
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, VersionError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST_BRAINS = 3
MOST_SPLITS = 200_000
DESCRIPTIVE = "descriptive: fewer than three brains a group, and neurons are no replicates"


@dataclass(frozen=True)
class Brain:
    """One graph's numbers."""

    name: str
    numbers: Numbers
    left_right: tuple[Numbers, Numbers] | None = None
    """The same of each side alone; None where nobody said which neurons are left and right."""


@dataclass(frozen=True)
class Version:
    """What a graph says of itself, for the question whether two can be compared."""

    name: str
    dataset: str | None
    materialization: str | None


def require_comparable(versions: Sequence[Version], across_versions: bool) -> str:
    """What has to be said about the versions of graphs that are compared; empty where there is nothing.

    Two graphs of one data set, or of data sets that nobody named, are the same brain as far as anybody knows: their
    materializations have to be the same.

    Raises:
        VersionError: they differ, and ``across_versions`` was not said.
    """
    differing = [
        (a, b)
        for a, b in combinations(versions, 2)
        if a.materialization != b.materialization and (a.dataset == b.dataset or None in (a.dataset, b.dataset))
    ]
    said = ", ".join(f"{one.name} ({one.dataset or 'no data set named'}, {_version(one)})" for one in versions)
    if differing and not across_versions:
        a, b = differing[0]
        raise VersionError(
            f"{a.name} is of {_version(a)} and {b.name} of {_version(b)}: differences between versions of one brain "
            "are work of proofreaders as much as of biology. Compare graphs of one version, name the data sets where "
            "they are two brains (graph.describe(dataset=...)), or say across_versions=True (--across-versions)"
        )
    return f"compared across versions, as asked: {said}" if differing else f"compared: {said}"


def _version(one: Version) -> str:
    return f"materialization {one.materialization}" if one.materialization else "no materialization named"


def differences(first: Sequence[Brain], second: Sequence[Brain], words: Sequence[str]) -> pa.Table:
    """A row for every key that any brain has a number for, largest difference beyond left-right first as it comes.

    Args:
        words: names of the parts of a key, for the columns.

    Returns:
        the parts of the key; first, second (means over the brains of a group), difference (second - first),
        ratio (second / first); left_right: the largest difference between the sides of one of the brains;
        beyond_left_right: whether the brains differ by more; p (exact permutation of brains, two-sided) and q where
        both groups have three brains, and a note where they have not.

    Raises:
        AnalysisError: an empty group, or more brains than can be permuted.
    """
    import pyarrow as pa

    if not first or not second:
        raise AnalysisError("a comparison needs at least one brain on each side")
    keys = list(dict.fromkeys(key for brain in (*first, *second) for key in brain.numbers))
    a, b = (_numbers(group, keys) for group in (first, second))
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    noise = _noise([*first, *second], keys)
    difference = mean_b - mean_a
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean_b / mean_a
    tested = min(len(first), len(second)) >= FEWEST_BRAINS
    p = permuted_p(a, b) if tested else np.full(len(keys), np.nan)
    beyond = [
        None if np.isnan(apart) or np.isnan(side) else bool(abs(apart) > side)
        for apart, side in zip(difference, noise, strict=True)
    ]
    columns: dict[str, Any] = {
        word: pa.array([key[k] if isinstance(key[k], str) or key[k] is None else float(key[k]) for key in keys])
        for k, word in enumerate(words)
    }
    numbers = {
        "first": mean_a, "second": mean_b, "difference": difference, "ratio": ratio, "left_right": noise,
    }  # fmt: skip
    columns |= {name: pa.array(values, pa.float64(), mask=~np.isfinite(values)) for name, values in numbers.items()}
    columns["beyond_left_right"] = pa.array(beyond, pa.bool_())
    for name, values in (("p", p), ("q", benjamini_hochberg(p))):
        columns[name] = pa.array(values, pa.float64(), mask=np.isnan(values))
    columns["note"] = pa.array([None if tested else DESCRIPTIVE] * len(keys), pa.string())
    return pa.table(columns)


def _numbers(brains: Sequence[Brain], keys: Sequence[tuple[Any, ...]]) -> Floats:
    return np.array([[brain.numbers.get(key, np.nan) for key in keys] for brain in brains], dtype=np.float64)


def _noise(brains: Sequence[Brain], keys: Sequence[tuple[Any, ...]]) -> Floats:
    """[k] the largest difference between the two sides of a brain; NaN where no brain has both."""
    apart = [
        [abs(brain.left_right[0].get(key, np.nan) - brain.left_right[1].get(key, np.nan)) for key in keys]
        for brain in brains
        if brain.left_right is not None
    ]
    if not apart:
        return np.full(len(keys), np.nan)
    table = np.array(apart)
    found = np.max(np.where(np.isnan(table), -np.inf, table), axis=0)
    return np.where(np.isneginf(found), np.nan, found)


def permuted_p(a: Floats, b: Floats) -> Floats:
    """[k] two-sided p of the difference of means of [brains, k] and [brains, k], over all divisions of the brains.

    Raises:
        AnalysisError: more divisions than are worth counting.
    """
    together = np.concatenate([a, b])
    splits = comb(len(together), len(a))
    if splits > MOST_SPLITS:
        raise AnalysisError(
            f"{len(a)} and {len(b)} brains can be divided in {splits:,} ways, and at most {MOST_SPLITS:,} are counted; "
            "compare fewer at a time"
        )
    apart = np.abs(a.mean(axis=0) - b.mean(axis=0))
    room = 1e-9 * np.maximum(np.abs(together).max(axis=0), 1e-300)
    total = together.sum(axis=0)
    as_extreme = np.zeros(a.shape[1])
    for chosen in combinations(range(len(together)), len(a)):
        part = together[list(chosen)].sum(axis=0)
        as_extreme += np.abs(part / len(a) - (total - part) / len(b)) >= apart - room
    return np.where(np.isnan(apart), np.nan, as_extreme / splits)


def motif_shares(graph: Snapshot, size: int = 3, workers: Workers = 1) -> Numbers:
    """The share of every connected motif class among the sets of neurons that a path joins."""
    from graphlab.motifs.census.census import census

    found = census(graph, size, workers=workers)
    connected = {name: int(count) for name, count in found.counts.items() if _connected(name, size)}
    total = sum(connected.values())
    return {(name,): count / total if total else float("nan") for name, count in connected.items()}


def _connected(name: str, size: int) -> bool:
    from graphlab.motifs.census.codes import CONNECTED_TRIADS

    return name != "null" if size == 2 else name in CONNECTED_TRIADS if size == 3 else True


def type_brains(named: Sequence[tuple[str, pa.Table, Mapping[str, set[str]]]]) -> list[Brain]:
    """Brains whose numbers are mean weights per postsynaptic cell of every type pair, 0 where it is not connected.

    Args:
        named: name, ``type_connections`` and the types (``all``; ``left`` and ``right`` where sides are known) of each.
    """
    tables = [(name, table.to_pylist(), kinds) for name, table, kinds in named]
    pairs = sorted({(row["pre_type"], row["post_type"]) for _, rows, _ in tables for row in rows})
    brains = []
    for name, rows, kinds in tables:
        by_pair = {(row["pre_type"], row["post_type"]): row for row in rows}

        def numbers(column: str, post: set[str], kinds: Any = kinds, by_pair: Any = by_pair) -> Numbers:
            return {
                pair: float(by_pair[pair][column]) if pair in by_pair else 0.0
                for pair in pairs
                if pair[0] in kinds["all"] and pair[1] in post
            }

        sides = None
        if "left" in kinds:
            sides = numbers("left_mean", kinds["left"]), numbers("right_mean", kinds["right"])
        brains.append(Brain(name, numbers("mean", kinds["all"]), sides))
    return brains
