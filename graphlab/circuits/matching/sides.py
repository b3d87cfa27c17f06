"""What a matching starts from: the wiring of two sides, groups that may match, values that speak for a pair.

Tests: tests/graphlab/verbs/circuits/test_matching.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from graphlab.circuits.matching.frank_wolfe import Block, Floats, Nodes, Sides
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError


def is_id(value: Any) -> bool:
    """Whether a value of a column can be a root_id: a whole number above 0."""
    try:
        return value is not None and int(value) > 0 and int(value) == float(value)
    except (TypeError, ValueError):
        return False


def numbers_on_side(ids: Sequence[int], weights: Weights, side: Nodes, name: str) -> Nodes:
    """Numbers on a side of root_ids; AnalysisError for one that is not there."""
    nodes = weights.graph.indices_of(np.array(ids, np.uint64))
    place_of = np.full(weights.n, -1, np.int64)
    place_of[side] = np.arange(len(side))
    at = np.where(nodes >= 0, place_of[np.maximum(nodes, 0)], -1) if len(nodes) else nodes
    if (at < 0).any():
        missing = ids[int(np.flatnonzero(at < 0)[0])]
        raise AnalysisError(
            f"known: neuron {missing} is not among the neurons of {name} ({int((at < 0).sum()):,} like it)"
        )
    return np.asarray(at, np.int64)


def sides_between(here: Weights, left: Nodes, there: Weights, right: Nodes, across: bool) -> Sides:

    from graphlab.circuits.matching.frank_wolfe import Sides

    own = here.matrix(np.log1p(here.graph.weight))
    theirs = own if there is here else there.matrix(np.log1p(there.graph.weight))
    first, second = (sparse.csr_array(m[of][:, of]) for m, of in ((own, left), (theirs, right)))
    if not across:
        return Sides(first, second)
    return Sides(first, second, sparse.csr_array(own[left][:, right]), sparse.csr_array(own[right][:, left]))


def groups_of(left: Nodes, right: Nodes, names: Sequence[list[Any] | None]) -> tuple[list[Block], int]:
    """Groups that both sides have, and how many neurons are in none."""
    if names[0] is None or names[1] is None:
        return [Block(np.arange(len(left)), np.arange(len(right)))], 0
    groups: list[dict[str, list[int]]] = [{}, {}]
    for group, nodes, values in zip(groups, (left, right), names, strict=True):
        for at, node in enumerate(nodes.tolist()):
            if values is not None and values[node] is not None:
                group.setdefault(str(values[node]), []).append(at)
    common = sorted(set(groups[0]) & set(groups[1]))
    if not common:
        raise AnalysisError("no group has neurons on both sides; take another within_type, or none")
    blocks = [Block(np.array(groups[0][name]), np.array(groups[1][name])) for name in common]
    return blocks, len(left) + len(right) - sum(len(block.first) + len(block.second) for block in blocks)


def equal_values(
    columns: Sequence[tuple[list[Any], list[Any]]],
    left: Nodes,
    right: Nodes,
    blocks: Sequence[Block],
    likeness: float,
    sides: Sides,
) -> list[Floats] | None:
    """What equal values add to each pair of each block: ``likeness`` times the mean matched weight of a neuron.

    Args:
        columns: the values of all neurons of each graph; unknown ones are like nothing.
    """
    if not columns:
        return None
    total = sides.first.sum() * 2 + (sides.across.sum() if sides.across is not None else 0.0)
    worth = likeness * total / max(sides.n, 1)
    parts = [np.zeros((len(block.first), len(block.second))) for block in blocks]
    for ours, theirs in columns:
        codes: dict[Any, int] = {}
        a, b = _coded(ours, left, codes, -1), _coded(theirs, right, codes, -2)
        for part, block in zip(parts, blocks, strict=True):
            part += worth * (a[block.first][:, None] == b[block.second][None, :])
    return parts


def _coded(values: list[Any], nodes: Nodes, codes: dict[Any, int], unknown: int) -> Nodes:
    one = (values[i] for i in nodes.tolist())
    return np.array([unknown if value is None else codes.setdefault(value, len(codes)) for value in one], np.int64)
