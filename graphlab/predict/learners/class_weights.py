"""How much rare classes count: one rule for every predictor of types, so that none wins by weights alone.

Tests: tests/graphlab/predict/learners/combined/test_stacked_types.py.
"""

from __future__ import annotations

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints

LARGEST = 5.0
"""The rarest class counts at most this many times the commonest."""


def class_weights(label: Ints, classes: int) -> Floats:
    """Weight [classes] of each: the root of how much rarer it is than the commonest one, within reason."""
    count = np.maximum(np.bincount(label, minlength=classes), 1.0)
    return np.asarray(np.minimum(np.sqrt(count.max() / count), LARGEST))


def example_weights(label: Ints, classes: int) -> Floats:
    """The weight [k] of each labelled example."""
    return np.asarray(class_weights(label, classes)[label])
