"""Which source of information carries a prediction: wiring, embeddings, both, or embeddings of the wrong neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.protocol import Build, Run, Task, run
from graphlab.predict.tasks import cell_type, functional
from graphlab.predict.tasks.cell_type import Typed
from graphlab.predict.tasks.functional import Measured
from ingest.schema.errors import AnalysisError

VARIANTS = ("wiring", "embeddings", "both", "shuffled embeddings")
NO_EMBEDDINGS = "an ablation of embeddings needs some; join embeddings first (join_embeddings)"


def ablation(
    measured: Measured,
    predictor: str = "random forest",
    split: str = "neuron",
    folds: int = 10,
    seed: int = 0,
    bootstraps: int = 200,
) -> dict[str, Run]:
    """One run a variant, all on identical folds.

    ``wiring`` has everything but the embeddings, ``embeddings`` nothing else: no edge and no place either, for
    predictors that look at the graph itself. ``shuffled embeddings`` has both with vectors dealt out among the neurons
    at random, so that their number and values stay and their meaning goes.

    Raises:
        AnalysisError: no embeddings.
    """
    if measured.embeddings is None:
        raise AnalysisError(NO_EMBEDDINGS)
    dealt = replace(measured, embeddings=measured.embeddings[_dealt(len(measured.root_ids), seed)])
    task = Task("ablation", functional.examples_of(measured), functional.build_inputs(measured), split, (predictor,),
                predictor, folds, (), seed, bootstraps)  # fmt: skip
    return _runs(task, functional.build_inputs(dealt))


def cell_type_ablation(
    typed: Typed,
    predictor: str = "random forest",
    split: str = "class",
    folds: int = 5,
    seed: int = 0,
    bootstraps: int = 200,
) -> dict[str, Run]:
    """The same of cell types. Raises AnalysisError: no embeddings."""
    if typed.embeddings is None:
        raise AnalysisError(NO_EMBEDDINGS)
    dealt = replace(typed, embeddings=typed.embeddings[_dealt(len(typed.root_ids), seed)])
    task = Task("ablation", cell_type.examples_of(typed), cell_type.build_inputs(typed), split, (predictor,),
                predictor, folds, (), seed, bootstraps)  # fmt: skip
    return _runs(task, cell_type.build_inputs(dealt))


def _dealt(n: int, seed: int) -> Ints:
    return np.random.default_rng(seed).permutation(n)


def _runs(task: Task, dealt: Build) -> dict[str, Run]:
    whole = task.build
    builds: dict[str, Build] = {
        "wiring": leaving_out(whole, "embeddings"),
        "embeddings": leaving_out(whole, "wiring", "distance"),
        "both": whole,
        "shuffled embeddings": dealt,
    }
    return {name: run(replace(task, name=name, build=builds[name])) for name in VARIANTS}


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
