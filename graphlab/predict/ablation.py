"""Which source of information carries a prediction: wiring, embeddings, both, or embeddings of the wrong neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphlab.predict.examples import Examples, Ints
from graphlab.predict.features import Inputs
from graphlab.predict.functional import Measured, build_inputs, examples_of
from graphlab.predict.protocol import Build, Run, Task, run
from ingest.errors import AnalysisError

VARIANTS = ("wiring", "embeddings", "both", "shuffled embeddings")


def ablation(
    measured: Measured,
    predictor: str = "random forest",
    split: str = "neuron",
    folds: int = 10,
    seed: int = 0,
    bootstraps: int = 200,
) -> dict[str, Run]:
    """One run a variant, all on identical folds.

    ``wiring`` has every feature but the embeddings, ``embeddings`` nothing else; ``shuffled embeddings`` has both with
    vectors dealt out among the neurons at random, so that their number and values stay and their meaning goes.

    Raises:
        AnalysisError: no embeddings.
    """
    if measured.embeddings is None:
        raise AnalysisError("an ablation of embeddings needs some; join embeddings first (join_embeddings)")
    examples = examples_of(measured)
    dealt = np.random.default_rng(seed).permutation(len(measured.root_ids))
    whole = build_inputs(measured)
    builds: dict[str, Build] = {
        "wiring": _only(whole, embeddings=False),
        "embeddings": _only(whole, embeddings=True),
        "both": whole,
        "shuffled embeddings": build_inputs(replace(measured, embeddings=measured.embeddings[dealt])),
    }
    return {
        name: run(Task(name, examples, builds[name], split, (predictor,), predictor, folds, (), seed, bootstraps))
        for name in VARIANTS
    }


def _only(whole: Build, embeddings: bool) -> Build:
    """The same inputs with embeddings alone, or with everything else."""

    def build(examples: Examples, train: Ints) -> Inputs:
        made = whole(examples, train)
        columns = [c.of("embeddings") if embeddings else c.without("embeddings") for c in (made.node, made.pair)]
        return replace(made, node=columns[0], pair=columns[1])

    return build
