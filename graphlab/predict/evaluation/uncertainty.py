"""How far the members of an ensemble disagree: doubt that more data would remove, for answers that may be withheld."""

from __future__ import annotations

import numpy as np

from graphlab.predict.inputs.examples import Floats


def disagreement(members: Floats) -> Floats:
    """Mutual information [k] in nats between the label and which member is asked; 0 where all say the same.

    Entropy of the mean minus mean entropy (Houlsby et al. 2011, arXiv 1112.5745).

    Args:
        members: probabilities [members, k, classes], as of ``node_network.Ensemble.members``.
    """
    return np.asarray(np.maximum(_entropy(members.mean(axis=0)) - _entropy(members).mean(axis=0), 0.0))


def spread(members: Floats) -> Floats:
    """Standard deviation [k, classes] between members of what they give each class."""
    return np.asarray(members.std(axis=0))


def _entropy(probability: Floats) -> Floats:
    logs = np.log(np.where(probability > 0, probability, 1.0))
    return np.asarray(-(probability * logs).sum(axis=-1))
