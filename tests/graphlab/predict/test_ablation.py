"""A made connectome with known gains: the oracle is nearly reached, and embeddings carry what they were made to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from graphlab.predict.ablation import VARIANTS, ablation
from graphlab.predict.evaluate import Held, area_under_roc, class_weights, estimate, paired_difference
from graphlab.predict.functional import Measured
from graphlab.predict.pair_features import effective_weights
from ingest.errors import AnalysisError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")


def made(n: int = 120, seed: int = 0) -> tuple[Measured, np.ndarray]:
    """(responses drawn from known chances, the chances): gains on the steady state and on likeness of embeddings."""
    rng = np.random.default_rng(seed)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    matrix = np.where(rng.random((n, n)) < 0.06, rng.integers(1, 20, (n, n)), 0).astype(float)
    np.fill_diagonal(matrix, 0)
    vectors = rng.normal(size=(n, 6))
    unit = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    spread = np.log(effective_weights(sparse.csr_array(matrix)) + 1e-6)
    logits = -1.5 + 1.2 * (spread - spread.mean()) / spread.std() + 1.2 * np.sqrt(6) * (unit @ unit.T)
    chance = 1 / (1 + np.exp(-logits))
    responds = (rng.random((n, n)) < chance).astype(np.int8)
    chemical = Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])
    classes = [str(k // 2) for k in range(n)]
    return Measured(ids, {"chemical": chemical}, responds, classes, None, vectors), chance


@pytest.mark.parametrize("seed", [0, 1])
def test_known_gains_are_recovered_and_told_apart(seed: int) -> None:
    measured, chance = made(seed=seed)
    name = "logistic regression"
    runs = ablation(measured, name, folds=5, seed=seed, bootstraps=100)
    assert tuple(runs) == VARIANTS
    assert len({found.card["split_hash"] for found in runs.values()}) == 1
    examples = runs["both"].task.examples
    oracle = []
    for fold in runs["both"].folds:
        p = chance[examples.source[fold.test], examples.target[fold.test]]
        oracle.append(Held(fold.test, np.stack([1 - p, p], axis=1)))
    best = estimate(examples, oracle, area_under_roc, []).value
    auroc = {variant: found.scores[name]["auroc"].value for variant, found in runs.items()}
    print(f"seed {seed}: oracle {best:.3f}, {auroc}")
    assert auroc["both"] - 0.5 >= 0.9 * (best - 0.5)
    weights = class_weights(examples, 100, seed)
    both = runs["both"].held[name]
    for other in ("wiring", "embeddings", "shuffled embeddings"):
        gap = paired_difference(examples, both, runs[other].held[name], area_under_roc, weights)
        assert gap.lo > 0.02, (other, gap)
    assert abs(auroc["shuffled embeddings"] - auroc["wiring"]) < 0.03, "embeddings of the wrong neurons say nothing"


def test_without_embeddings() -> None:
    with pytest.raises(AnalysisError, match="an ablation of embeddings needs some"):
        ablation(replace(made(20)[0], embeddings=None))
