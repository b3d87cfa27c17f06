"""Who responds to whom: ordered pairs with a measured response, from wiring, places and extrasynaptic layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import Columns, Inputs, RootIds, embedding_columns, layer, wiring_columns
from graphlab.predict.inputs.pair_features import pair_columns
from graphlab.predict.predictor import Predictor
from graphlab.predict.predictors import predictors_of
from graphlab.predict.protocol import Build, Task
from ingest.schema.errors import AnalysisError, SchemaError
from queries.snapshot import Snapshot

DIMENSIONS = 8
REFERENCE = "random forest on all features"
"""The bar sees whatever candidates see."""
CANDIDATES = (REFERENCE, "extra trees on pairs", "informed trees", "rate model", "pair network")
"""Nominated among on inner folds; the hybrid takes as long as all of these."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured ordered pairs over the neurons of a graph."""

    root_ids: RootIds
    """[n] ascending."""
    snapshots: Mapping[str, Snapshot]
    """``chemical``, and ``electrical`` and ``extrasynaptic`` where there are such."""
    responds: npt.NDArray[np.int8]
    """int8 [n, n], row = stimulated, column = responding: 1 a response, 0 none, -1 not measured."""
    neuron_class: Sequence[str]
    """[n] homologue class of each neuron: left and right, dorsal and ventral, numbered members have one name."""
    position_nm: Floats | None = None
    """[n, 3], NaN rows where unknown: their pairs are left out, so that every predictor has the same ones."""
    embeddings: Floats | None = None
    """[n, width], NaN rows where there are none."""
    size: Floats | None = None
    """[n, n] signed size of the response (mean dF/F), row = stimulated; NaN where not measured."""


def examples_of(measured: Measured) -> Examples:
    """Measured pairs of two different neurons (a neuron's answer to itself is the stimulus, and would leak).

    Raises:
        SchemaError: matrices or lists of another size. AnalysisError: no pairs, or all of one kind.
    """
    n = len(measured.root_ids)
    if measured.responds.shape != (n, n) or len(measured.neuron_class) != n:
        raise SchemaError(
            f"responses {measured.responds.shape} and {len(measured.neuron_class)} classes for {n} neurons; wanted one "
            "row, column and class a neuron"
        )
    usable = np.greater_equal(measured.responds, 0) & ~np.eye(n, dtype=bool)
    if measured.position_nm is not None:
        placed: npt.NDArray[np.bool_] = np.asarray(np.isfinite(measured.position_nm).all(axis=1))
        usable = usable & placed[:, None] & placed[None]
    source, target = np.nonzero(usable)
    if not len(source):
        raise AnalysisError("no measured pair of two neurons of this graph; ingest responses with `correlate response`")
    _, group = np.unique(np.array(measured.neuron_class), return_inverse=True)
    label = measured.responds[source, target].astype(np.int64)
    return Examples(source, target, label, ("no response", "response"), group.astype(np.int64))


def build_inputs(measured: Measured, dimensions: int = DIMENSIONS) -> Build:
    """Inputs of any of the pairs; wiring and places are worked out once, since they look at no label."""
    layers = {kind: layer(snapshot, measured.root_ids) for kind, snapshot in measured.snapshots.items()}
    everything = np.arange(len(measured.root_ids) ** 2)
    first, second = np.divmod(everything, len(measured.root_ids))
    place = measured.position_nm
    if place is not None:
        # Unplaced neurons are in no example; any number does.
        place = np.where(np.isfinite(place), place, 0.0)
    pair = pair_columns(measured.snapshots, layers, measured.root_ids, first, second, place)
    node = wiring_columns(layers, dimensions)
    if measured.embeddings is not None:
        vectors = embedding_columns(measured.embeddings)
        node = node.beside(vectors)
        pair = pair.beside(_likeness(vectors.values, first, second))
    received: Floats = np.asarray(layers["chemical"].sum(axis=0), dtype=np.float64).ravel()

    def build(examples: Examples, train: Ints) -> Inputs:
        rows = examples.source * len(measured.root_ids) + examples.target
        return Inputs(
            measured.root_ids, layers, node, pair.rows(rows), examples.source, examples.target, examples.group,
            received, measured.position_nm,
        )  # fmt: skip

    return build


def functional_task(
    measured: Measured,
    split: str = "neuron",
    folds: int = 10,
    seed: int = 0,
    bootstraps: int = 200,
    extra: Mapping[str, Predictor] | None = None,
) -> Task:
    """All pair predictors on the same folds, compared with the random forest that sees all features."""
    names = [name for name in predictors_of("pair") if measured.position_nm is not None or name != "distance"]
    notes = (
        "the wiring is seen whole, test neurons too; responses of test pairs are not",
        "a pair without a response is 'not significant', which is not 'absent': power differs between pairs",
        "distance may stand for biology (ganglia, extrasynaptic signals) or for optics",
    )
    more = dict(extra or {})
    return Task(
        "functional connectivity", examples_of(measured), build_inputs(measured), split, (*names, *more), REFERENCE,
        folds=folds, candidates=(*CANDIDATES, *more), seed=seed, bootstraps=bootstraps, notes=notes, extra=more,
    )  # fmt: skip


def _likeness(vectors: Floats, first: Ints, second: Ints) -> Columns:
    """Cosine of the standardised embeddings of both ends; 0 where one has none."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return Columns((unit @ unit.T)[first, second][:, None], ("embedding_cosine",), ("embeddings",))
