"""Made connectomes with known gains: the oracle is nearly reached, and embeddings carry what they were made to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from graphlab.predict.controls import importance
from graphlab.predict.controls.ablation import VARIANTS, ablation, variants
from graphlab.predict.evaluation.evaluate import (
    Estimate,
    FoldPredictions,
    area_under_roc,
    class_weights,
    estimate,
    macro_f1,
    paired_difference,
)
from graphlab.predict.inputs.examples import Floats
from graphlab.predict.inputs.pair_features import effective_weights
from graphlab.predict.inputs.wiring import Wiring
from graphlab.predict.learners.combined.hybrid import Hybrid
from graphlab.predict.protocol import TrainingRun, run
from graphlab.predict.tasks import cell_type, functional
from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task
from graphlab.predict.tasks.functional import FunctionalData, functional_task
from ingest.schema.errors import AnalysisError
from ingest.synthetic.connectome import Synthetic
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
NAME = "logistic regression"
SHARE = 0.9
"""Of the oracle's (AUROC - 0.5)."""


def of_pairs(measured: FunctionalData, folds: int = 10, seed: int = 0, bootstraps: int = 200) -> dict[str, TrainingRun]:
    task = functional_task(measured, "neuron", folds, seed, bootstraps)
    alone = replace(task, predictors=(NAME,), reference=NAME, candidates=())
    return ablation(alone, functional.build_inputs, measured.wiring)


def wired(matrix: Floats) -> Snapshot:
    ids = np.arange(1, len(matrix) + 1, dtype=np.uint64)
    return Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])


def made(n: int = 120, seed: int = 0) -> tuple[FunctionalData, Floats]:
    """(responses drawn from known chances, the chances): gains on the steady state and on likeness of embeddings.

    Near neurons are wired more often, so that distance goes with responses, and has no gain of its own.
    """
    rng = np.random.default_rng(seed)
    place = rng.random((n, 3)) * 1e5
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    near = np.exp(-apart / 3e4)
    near *= 0.06 / near.mean()
    matrix = np.where(rng.random((n, n)) < near, rng.integers(1, 20, (n, n)), 0).astype(float)
    np.fill_diagonal(matrix, 0)
    vectors = rng.normal(size=(n, 6))
    unit = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    spread = np.log(effective_weights(sparse.csr_array(matrix)) + 1e-6)
    logits = -1.5 + 1.2 * (spread - spread.mean()) / spread.std() + 1.2 * np.sqrt(6) * (unit @ unit.T)
    chance = 1 / (1 + np.exp(-logits))
    responds = (rng.random((n, n)) < chance).astype(np.int8)
    classes = [str(k // 2) for k in range(n)]
    ids = np.arange(1, n + 1, dtype=np.uint64)
    return FunctionalData(ids, {"chemical": wired(matrix)}, responds, classes, place, vectors), chance


def told(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.lo:.3f} {found.hi:.3f}]"


def oracle(found: TrainingRun, chance: Floats) -> list[FoldPredictions]:
    """Who knows the chances, on the same folds."""
    examples = found.task.examples
    held = []
    for fold in found.folds:
        p = chance[examples.source[fold.test], examples.target[fold.test]]
        held.append(FoldPredictions(fold.test, np.stack([1 - p, p], axis=1)))
    return held


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_known_gains_are_recovered_and_told_apart(seed: int) -> None:
    measured, chance = made(seed=seed)
    runs = of_pairs(measured, folds=5, seed=seed, bootstraps=100)
    assert tuple(runs) == VARIANTS
    assert len({found.card.split_hash for found in runs.values()}) == 1
    whole = runs["both"]
    examples, both, best = whole.task.examples, whole.held[NAME], oracle(whole, chance)
    weights = class_weights(examples, 100, seed)
    top = estimate(examples, best, area_under_roc, weights)
    auroc = {variant: found.scores[NAME]["auroc"].value for variant, found in runs.items()}
    missing = paired_difference(examples, best, both, area_under_roc, weights)
    print(f"seed {seed}: oracle {top.value:.3f}, {auroc}, oracle minus both {told(missing)}")
    assert auroc["both"] - 0.5 >= SHARE * (top.value - 0.5)
    assert missing.hi <= (1 - SHARE) * (top.value - 0.5), "with other classes as well"
    for other in ("wiring", "embeddings", "shuffled embeddings"):
        gap = paired_difference(examples, both, runs[other].held[NAME], area_under_roc, weights)
        assert gap.lo > 0.02, (other, gap)
    assert abs(auroc["shuffled embeddings"] - auroc["wiring"]) < 0.03, "embeddings of the wrong neurons say nothing"

    # Distance goes with responses, as in any brain, and carries none of the gain.
    alone = run(replace(whole.task, predictors=("distance",), reference="distance"))
    assert alone.card.split_hash == whole.card.split_hash
    assert alone.scores["distance"]["auroc"].lo > 0.5
    gap = paired_difference(examples, both, alone.held["distance"], area_under_roc, weights)
    assert gap.lo > 0.1
    lost = {row.of: row.loss for row in importance.left_out(whole, NAME)}
    print({family: told(loss) for family, loss in lost.items()})
    # Without the wiring distance stands in for a part of it.
    assert lost["wiring"].lo > 0.02
    assert lost["embeddings"].lo > 0.02
    assert abs(lost["distance"].value) < 0.01


def made_responses(seed: int, n: int = 110) -> tuple[FunctionalData, Floats]:
    """The recorded neurons of the connectome that ``graphlab demo`` makes, stimulated one by one, and true effects."""
    source = Synthetic(2 * n, 120 * n, seed, recorded=n, frames=1)
    chosen, people = source.recording.recorded, source.population
    verdict = pa.Table.from_batches(source.responses())["connected"].to_numpy()
    responds = np.full((n, n), -1, dtype=np.int8)
    responds[~np.eye(n, dtype=bool)] = verdict
    classes = [str(k) for k in range(n)]
    wiring = {"chemical": connections(source, chosen)}
    measured = FunctionalData(people.root_ids[chosen], wiring, responds, classes, people.position_nm[chosen])
    return measured, source.stimulation.effect


def connections(source: Synthetic, chosen: np.ndarray) -> Snapshot:
    """Synapses among the chosen neurons."""
    place = np.full(len(source.population), -1)
    place[chosen] = np.arange(len(chosen))
    matrix = np.zeros((len(chosen),) * 2)
    for block in range(source.wiring.blocks()):
        pre, post, weight = source.wiring.connections(block)
        kept = (place[pre] >= 0) & (place[post] >= 0) & (pre != post)
        np.add.at(matrix, (place[pre[kept]], place[post[kept]]), weight[kept])
    at = np.nonzero(matrix)
    return Snapshot.from_edges(source.population.root_ids[chosen], *at, matrix[at])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_demos_connectome_with_its_own_gains(seed: int) -> None:
    """Signs and gains stay hidden from the predictor; the wiring alone reaches nine tenths of who knows them."""
    measured, effect = made_responses(seed)
    task = functional_task(measured, folds=5, seed=seed, bootstraps=100)
    names = (NAME, "synapse count", "distance", "identity rates")
    found = run(replace(task, predictors=names, candidates=(), reference="distance"))
    weights = class_weights(task.examples, 100, seed)
    # Who knows the effect before the noise ranks by its size.
    best = oracle(found, np.abs(effect))
    top = estimate(task.examples, best, area_under_roc, weights)
    auroc = {name: scores["auroc"].value for name, scores in found.scores.items()}
    missing = paired_difference(task.examples, best, found.held[NAME], area_under_roc, weights)
    print(f"seed {seed}: oracle {top.value:.3f}, {auroc}, oracle minus regression {told(missing)}")
    assert auroc[NAME] - 0.5 >= SHARE * (top.value - 0.5)
    assert missing.hi <= (1 - SHARE) * (top.value - 0.5), "with other classes as well"
    assert found.differences[NAME]["auroc"].lo > 0.05, "distance alone does not carry it"
    assert auroc["identity rates"] == 0.5
    # What stays without the wiring is distance's.
    (row,) = importance.left_out(found, NAME, ("wiring",))
    assert row.loss.lo > 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_embeddings_carry_cell_types_of_the_demos_connectome(seed: int) -> None:
    source = Synthetic(160, 9_000, seed, types=6, frames=1, recorded=6)
    table = pa.Table.from_batches(source.embeddings())
    vectors = np.array(table["vector"].to_pylist())
    ids = source.population.root_ids
    mean = np.stack([vectors[table["root_id"].to_numpy() == root_id].mean(axis=0) for root_id in ids])
    types = [source.population.type_names[k] for k in source.population.type_of]
    typed = CellTypeData(ids, {"chemical": connections(source, np.arange(160))}, types, embeddings=mean)
    task = replace(cell_type_task(typed, "class", 4, seed, 100), predictors=(NAME,), reference=NAME)
    runs = ablation(task, cell_type.build_inputs, typed.wiring)
    assert len({found.card.split_hash for found in runs.values()}) == 1
    f1 = {variant: found.scores[NAME]["macro_f1"] for variant, found in runs.items()}
    print(f"seed {seed}: " + ", ".join(f"{name} {e.value:.3f} [{e.lo:.3f} {e.hi:.3f}]" for name, e in f1.items()))
    whole = runs["both"]
    weights = class_weights(whole.task.examples, 100, seed)
    assert f1["embeddings"].lo > 0.9, "the maker gave every type a centroid of its own"
    for other in ("wiring", "shuffled embeddings"):
        gap = paired_difference(whole.task.examples, whole.held[NAME], runs[other].held[NAME], macro_f1, weights)
        assert gap.lo > 0.05, (other, gap)
    assert f1["shuffled embeddings"].value < f1["wiring"].value + 0.03


def test_embeddings_alone_have_no_edges_and_no_places() -> None:
    """For predictors that look at the graph and not at columns, too."""
    measured, _ = made(40)
    runs = of_pairs(measured, folds=2, bootstraps=2)
    alone, whole = runs["embeddings"].inputs[0], runs["both"].inputs[0]
    assert all(weight.nnz == 0 for weight in alone.layers.values())
    assert alone.position_nm is None
    assert set(alone.pair.families) | set(alone.node.families) == {"embeddings"}
    assert all(weight.nnz for weight in whole.layers.values())
    assert whole.position_nm is not None
    assert "embeddings" not in set(runs["wiring"].inputs[0].node.families)
    task = runs["embeddings"].task
    fold = runs["embeddings"].folds[0]
    said = Hybrid().fit(alone, task.examples.hidden(fold.train), 2, 0).predict(alone, fold.test)
    assert np.isfinite(said).all()


def test_without_embeddings() -> None:
    with pytest.raises(AnalysisError, match="an ablation of embeddings needs some"):
        of_pairs(replace(made(20)[0], embeddings=None))
    with pytest.raises(AnalysisError, match="an ablation of embeddings needs some"):
        variants(cell_type.build_inputs, Wiring(np.arange(4, dtype=np.uint64), {}), 0)
