"""Members that agree, members that contradict each other, and what the difference is worth."""

from __future__ import annotations

import numpy as np

from graphlab.predict.evaluation.uncertainty import disagreement, spread


def test_disagreement_is_mutual_information() -> None:
    members = np.array([[[1.0, 0.0], [0.5, 0.5], [0.9, 0.1]], [[0.0, 1.0], [0.5, 0.5], [0.6, 0.4]]])
    found = disagreement(members)
    # The joint distribution of (member, label) for the third example, by hand.
    joint = members[:, 2] / 2
    expected = (joint * np.log(joint / np.outer([0.5, 0.5], joint.sum(axis=0)))).sum()
    np.testing.assert_allclose(found, [np.log(2), 0.0, expected], atol=1e-12)
    np.testing.assert_allclose(spread(members)[:, 0], [0.5, 0.0, 0.15])
