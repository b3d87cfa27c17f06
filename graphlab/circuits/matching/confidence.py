"""Confidence of matched pairs: how often pairs like these were right among known pairs that were held out.

Tests: tests/graphlab/circuits/matching/test_confidence.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.circuits.matching.frank_wolfe import Block, Floats, Matching, Nodes, Sides, match_sides
from graphlab.circuits.matching.shared_wiring import shared_wiring
from graphlab.statistics.folds import random_folds
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError

LEAST_KNOWN = 20
"""Known pairs below which confidence is not told."""


@dataclass(frozen=True, eq=False)
class Agreed:
    """The matching that most starts agree on."""

    partner: Nodes
    agreement: Floats
    """[n] share of the starts that gave this partner."""
    margin: Floats
    shared: Floats
    confidence: Floats
    """[n] NaN where it was not calibrated."""
    held_out_accuracy: float
    """Of the known pairs, each matched while it was held out; NaN without calibration."""


def agreed_matching(
    sides: Sides,
    blocks: Sequence[Block],
    seeds: Nodes,
    likeness: Sequence[Floats] | None = None,
    starts: int = 5,
    folds: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    most_steps: int = 30,
) -> Agreed:
    """Match from several starts; with enough known pairs, hold each out once to calibrate confidence.

    Args:
        seeds: int [k, 2] known pairs; they stay in the result.
        folds: parts of the known pairs that are held out one after the other; 0 for no confidence.

    Raises:
        AnalysisError: no start.
    """
    if starts < 1:
        raise AnalysisError(f"starts is {starts}; give at least 1")
    calibrated = folds >= 2 and len(seeds) >= LEAST_KNOWN
    total = starts * (1 + (folds if calibrated else 0))
    done = 0

    def run(known: Nodes, stream: tuple[int, ...]) -> tuple[Matching, Floats, Floats]:
        nonlocal done
        found = []
        for start in range(starts):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*stream, start)))
            found.append(match_sides(sides, blocks, known, likeness, rng, most_steps))
            done += 1
            if progress:
                progress(done, total)
        best, agreement = _agreed(found)
        return best, agreement, shared_wiring(sides, best.partner)

    best, agreement, shared = run(seeds, (0,))
    confidence, accuracy = np.full(sides.n, np.nan), float("nan")
    if calibrated:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        features, right = [], []
        for number, fold in enumerate(random_folds(len(seeds), folds, rng)):
            kept, held = seeds[fold.train], seeds[fold.test]
            match, agreed, likely = run(kept, (2, number))
            features.append(_features(agreed, match.margin, likely)[held[:, 0]])
            right.append(match.partner[held[:, 0]] == held[:, 1])
        truth = np.concatenate(right)
        accuracy = float(truth.mean())
        confidence = _calibrated(np.concatenate(features), truth, _features(agreement, best.margin, shared))
        confidence[best.partner < 0] = np.nan
    return Agreed(best.partner, agreement, best.margin, shared, confidence, accuracy)


def _agreed(found: Sequence[Matching]) -> tuple[Matching, Floats]:
    """The start that agrees most with all others, and how many of them gave each of its pairs."""
    partners = np.stack([one.partner for one in found])
    same = (partners[:, None, :] == partners[None, :, :]).mean(1)
    best = int(same.mean(1).argmax())
    return found[best], same[best]


def _features(agreement: Floats, margin: Floats, shared: Floats) -> Floats:
    return np.nan_to_num(np.stack([agreement, margin, shared], axis=1))


def _calibrated(features: Floats, right: npt.NDArray[np.bool_], asked: Floats) -> Floats:
    """Logistic regression of being right, evened out with one right and one wrong example of the mean features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(features)
    # Without both outcomes there is no slope to fit; the rule of succession says what is known.
    if right.all() or not right.any():
        return np.full(len(asked), (right.sum() + 1) / (len(right) + 2))
    model = LogisticRegression(C=1.0).fit(scale.transform(features), right)
    told: Floats = model.predict_proba(scale.transform(asked))[:, 1]
    return told
