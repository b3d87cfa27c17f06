"""Which source of information carries a prediction: wiring, embeddings, both, or embeddings of the wrong neurons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from scipy import sparse

from graphlab.predict.controls.control_plan import ControlResult, ControlSetup
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.wiring import Wiring
from graphlab.predict.protocol import Build, Experiment, TrainingRun, run
from graphlab.statistics.folds import Fold
from ingest.schema.errors import AnalysisError

NAME = "embeddings"
VARIANTS = ("wiring", "embeddings", "both", "shuffled embeddings")
NO_EMBEDDINGS = "an ablation of embeddings needs some; join embeddings first (graph.embeddings.join())"


def ablation(task: Experiment, make: Callable[[Wiring], Build], wiring: Wiring) -> dict[str, TrainingRun]:
    """One run of the experiment a variant, all on identical folds.

    ``wiring`` has everything but the embeddings, ``embeddings`` nothing else: no edge and no place either, for
    predictors that look at the graph itself. ``shuffled embeddings`` has both with vectors dealt out among the neurons
    at random, so that their number and values stay and their meaning goes.

    Raises:
        AnalysisError: no embeddings.
    """
    builds = variants(make, wiring, task.seed)
    return {name: run(replace(task, name=name, build=builds[name])) for name in VARIANTS}


def variants(make: Callable[[Wiring], Build], wiring: Wiring, seed: int) -> dict[str, Build]:
    """Inputs of every variant, see ``ablation``."""
    if wiring.vectors is None:
        raise AnalysisError(NO_EMBEDDINGS)
    whole = make(wiring)
    dealt = wiring.vectors[np.random.default_rng(seed).permutation(len(wiring.root_ids))]
    return {
        "wiring": leaving_out(whole, "embeddings"),
        "embeddings": leaving_out(whole, "wiring", "distance"),
        "both": whole,
        "shuffled embeddings": make(replace(wiring, vectors=dealt)),
    }


def embedding_controls(plan: ControlSetup) -> list[ControlResult]:
    """The predictor with every variant of embeddings, and what the right ones add."""
    builds = variants(plan.make, plan.wiring, plan.seed)
    held = {name: plan.each_fold(partial(_fitted, plan, build)) for name, build in builds.items()}
    found = [line for name, said in held.items() for line in plan.scores(NAME, f"{plan.predictor.name}, {name}", said)]
    found += plan.gains(NAME, "of embeddings over wiring alone", held["both"], held["wiring"])
    return found + plan.gains(NAME, "of embeddings over shuffled ones", held["both"], held["shuffled embeddings"])


def _fitted(plan: ControlSetup, build: Build, number: int, fold: Fold) -> FoldPredictions:
    return plan.fitted(plan.predictor, build, fold)


def leaving_out(whole: Build, *families: str) -> Build:
    """The same inputs without these families of features."""

    def build(examples: Examples, train: Ints) -> Inputs:
        made = whole(examples, train)
        for family in families:
            made = without(made, family)
        return made

    return build


def without(inputs: Inputs, family: str) -> Inputs:
    """The same inputs without the columns of a family, and without what else tells the same.

    Without ``wiring`` there are no edges, without ``distance`` no places: a network or a kernel that looks at the graph
    and not at columns would otherwise still know.

    Raises:
        AnalysisError: nothing is left to learn from.
    """
    left = replace(inputs, node=inputs.node.without(family), pair=inputs.pair.without(family))
    if not left.node.names and not left.pair.names:
        raise AnalysisError(f"without {family} these inputs have no feature left; leave out another family")
    if family == "wiring":
        n = len(inputs.root_ids)
        none = {kind: sparse.csr_array((n, n)) for kind in inputs.layers}
        return replace(left, layers=none, total_in=np.zeros(n))
    return replace(left, position_nm=None) if family == "distance" else left
