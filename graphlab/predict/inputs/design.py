"""The table that models without message passing see: features of a neuron, or of a pair and of both its ends.

Tests: tests/graphlab/predict/controls/test_importance.py.
"""

from __future__ import annotations

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from ingest.schema.errors import AnalysisError

SPECTRAL = "_spectral_"


def is_pairs(inputs: Inputs) -> bool:
    """Whether the examples are pairs of neurons."""
    return bool((inputs.source != inputs.target).any())


def design(inputs: Inputs, rows: Ints, without: str | None = None) -> FeatureColumns:
    """Columns of the examples ``rows``.

    A pair has its own features and those of both its ends, without their spectral coordinates: these tell neurons
    apart by heart and only blur what is asked of unseen ones.

    Args:
        without: a family of features to leave out.
    """
    columns = inputs.node
    if is_pairs(inputs):
        first, second = (_ends(inputs.node, ends[rows], way) for ends, way in _two_ends(inputs))
        columns = (
            FeatureColumns(inputs.pair.values[rows], inputs.pair.names, inputs.pair.families)
            .beside(first)
            .beside(second)
        )
    else:
        columns = FeatureColumns(inputs.node.values[inputs.source[rows]], inputs.node.names, inputs.node.families)
    return columns if without is None else columns.without(without)


def spectral_design(inputs: Inputs, rows: Ints) -> Floats:
    """Spectral coordinates of a neuron, or of both ends of a pair with the products of like dimensions."""
    sent, received = _places(inputs.node, f"{SPECTRAL}out_"), _places(inputs.node, f"{SPECTRAL}in_")
    if not len(sent):
        raise AnalysisError("these inputs have no spectral embedding; make them with dimensions above 0")
    both = np.concatenate([sent, received])
    first = inputs.node.values[inputs.source[rows]]
    if not is_pairs(inputs):
        return np.asarray(first[:, both])
    second = inputs.node.values[inputs.target[rows]]
    return np.hstack([first[:, both], second[:, both], first[:, sent] * second[:, received]])


def _places(node: FeatureColumns, part: str) -> Ints:
    return np.array([k for k, name in enumerate(node.names) if part in name], dtype=np.int64)


def _two_ends(inputs: Inputs) -> tuple[tuple[Ints, str], tuple[Ints, str]]:
    return (inputs.source, "first"), (inputs.target, "second")


def _ends(node: FeatureColumns, neurons: Ints, way: str) -> FeatureColumns:
    places = [k for k, name in enumerate(node.names) if SPECTRAL not in name]
    names = tuple(f"{way}_{node.names[k]}" for k in places)
    return FeatureColumns(node.values[neurons][:, places], names, tuple(node.families[k] for k in places))
