"""Examples refuse what cannot be learned, and hide what must not be known."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.predict.inputs.examples import HIDDEN, Examples
from ingest.schema.errors import AnalysisError, SchemaError


def test_bad_labels_are_one_clear_error() -> None:
    group = np.arange(4)
    with pytest.raises(AnalysisError, match="no labelled examples"):
        Examples.of_nodes([None] * 4, group)
    with pytest.raises(AnalysisError, match="every example has the label 'KC'"):
        Examples.of_nodes(["KC", "KC", None, None], group)
    with pytest.raises(SchemaError, match="neurons that the graph lacks"):
        Examples(np.array([0, 9]), np.array([1, 2]), np.array([0, 1]), ("a", "b"), group)
    with pytest.raises(SchemaError, match=r"labels must be 0\.\.1"):
        Examples(np.array([0, 1]), np.array([1, 2]), np.array([0, 2]), ("a", "b"), group)
    with pytest.raises(SchemaError, match="2 sources, 2 targets and 1 labels"):
        Examples(np.array([0, 1]), np.array([1, 2]), np.array([0]), ("a", "b"), group)


def test_nodes_are_numbered_and_labels_outside_training_hidden() -> None:
    examples = Examples.of_nodes(["b", None, "a", "b"], np.arange(4))
    assert examples.classes == ("a", "b")
    assert examples.source.tolist() == [0, 2, 3]
    assert examples.label.tolist() == [1, 0, 1]
    assert not examples.is_pairs
    assert examples.hidden(np.array([1])).tolist() == [HIDDEN, 0, HIDDEN]
