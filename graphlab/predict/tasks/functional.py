"""Who responds to whom: ordered pairs with a measured response, from wiring, places and extrasynaptic layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.predict.from_graph import WiringData, some
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs, RootIds, embedding_columns, layer, wiring_columns
from graphlab.predict.inputs.homologues import named_groups
from graphlab.predict.inputs.pair_features import pair_columns
from graphlab.predict.inputs.wiring import Wiring
from graphlab.predict.predictor import Predictor
from graphlab.predict.predictors import default_predictors
from graphlab.predict.protocol import Build, Experiment
from graphlab.predict.tasks.kinds import PairTask
from graphlab.predict.tasks.task import Design, Labels
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from graphlab.store.wiring.functional_edges import response_run
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError
from ingest.schema.ids import rows_of
from queries.snapshot import Snapshot

DIMENSIONS = 8
REFERENCE = "random forest on all features"
"""The bar sees whatever candidates see."""
OUTSIDERS = ("refuse", "leave-out")
NOTES = (
    "the wiring is seen whole, test neurons too; responses of test pairs are not",
    "a pair without a response is 'not significant', which is not 'absent': power differs between pairs",
    "distance may stand for biology (ganglia, extrasynaptic signals) or for optics",
)
CANDIDATES = (REFERENCE, "extra trees on pairs", "informed trees", "rate model", "pair network")
"""Nominated among on inner folds; the hybrid takes as long as all of these."""


@dataclass(frozen=True, eq=False)
class FunctionalData:
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

    @property
    def wiring(self) -> Wiring:
        """Without the responses."""
        return Wiring(self.root_ids, self.snapshots, self.position_nm, vectors=self.embeddings)


def examples_of(measured: FunctionalData) -> Examples:
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
    placed = measured.wiring.placed()
    usable = np.greater_equal(measured.responds, 0) & placed[:, None] & placed[None] & ~np.eye(n, dtype=bool)
    source, target = np.nonzero(usable)
    if not len(source):
        raise AnalysisError("no measured pair of two neurons of this graph; ingest responses with `correlate response`")
    label = measured.responds[source, target].astype(np.int64)
    return Examples(source, target, label, ("no response", "response"), named_groups(measured.neuron_class))


def build_inputs(wiring: Wiring, dimensions: int = DIMENSIONS) -> Build:
    """Inputs of any of the pairs; wiring and places are worked out once, since they look at no label."""
    layers = {kind: layer(snapshot, wiring.root_ids) for kind, snapshot in wiring.snapshots.items()}
    everything = np.arange(len(wiring.root_ids) ** 2)
    first, second = np.divmod(everything, len(wiring.root_ids))
    place = wiring.position_nm
    if place is not None:
        # Unplaced neurons are in no example; any number does.
        place = np.where(np.isfinite(place), place, 0.0)
    pair = pair_columns(wiring.snapshots, layers, wiring.root_ids, first, second, place)
    node = wiring_columns(layers, dimensions)
    if wiring.vectors is not None:
        vectors = embedding_columns(wiring.vectors)
        node = node.beside(vectors)
        pair = pair.beside(_likeness(vectors.values, first, second))
    received: Floats = np.asarray(layers["chemical"].sum(axis=0), dtype=np.float64).ravel()

    def build(examples: Examples, train: Ints) -> Inputs:
        rows = examples.source * len(wiring.root_ids) + examples.target
        return Inputs(
            wiring.root_ids, layers, node, pair.rows(rows), examples.source, examples.target, examples.group,
            received, wiring.position_nm,
        )  # fmt: skip

    return build


def functional_task(
    measured: FunctionalData,
    split: str = "neuron",
    folds: int = 10,
    seed: int = 0,
    bootstraps: int = 200,
    extra: Mapping[str, Predictor] | None = None,
) -> Experiment:
    """All pair predictors on the same folds, compared with the random forest that sees all features."""
    more = dict(extra or {})
    names = default_predictors("pair", measured.wiring)
    return Experiment(
        "functional connectivity", examples_of(measured), build_inputs(measured.wiring), split, (*names, *more),
        REFERENCE, folds=folds, candidates=(*CANDIDATES, *more), seed=seed, bootstraps=bootstraps, notes=NOTES,
        extra=more,
    )  # fmt: skip


@dataclass(frozen=True)
class Functional(PairTask):
    """Who responds to whom, from measured responses, wiring and places."""

    name = "functional"
    title = "functional connectivity"
    responses: str | None = None
    """Run of measured responses; the latest by default."""
    outsiders: str = OUTSIDERS[0]
    """What becomes of responses of neurons that are not in the graph."""

    def __post_init__(self) -> None:
        if self.outsiders not in OUTSIDERS:
            raise UnknownNameError("way with outsiders", self.outsiders, OUTSIDERS)

    def model_name(self) -> str:
        return self.name

    def build(self, wiring: Wiring) -> Build:
        return build_inputs(wiring)

    def design(self, wiring: Wiring, examples: Examples) -> Design:
        return Design("neuron", 10, REFERENCE, CANDIDATES, NOTES)

    def labels(self, folder: Folder, seen: WiringData) -> Labels:
        measured, notes = self.measured(folder, seen)
        return Labels(examples_of(measured), tuple(notes), {"responses": response_run(folder, self.responses)})

    def measured(self, folder: Folder, seen: WiringData) -> tuple[FunctionalData, list[str]]:
        """The pairs with a verdict, so that a silent pair is one that was measured; and what was left out.

        Raises:
            AnalysisError: no measured responses, none with a verdict, or responses of neurons outside the graph.
            UnknownNameError: no such run.
        """
        run_id = response_run(folder, self.responses)
        rows = arrow(
            folder.cursor(),
            "SELECT pre_root_id, post_root_id, avg(CAST(connected AS DOUBLE)) > 0.5 AS connected "
            "FROM functional_connections WHERE run_id = ? AND kind = 'response' AND pre_root_id <> post_root_id "
            "GROUP BY pre_root_id, post_root_id ORDER BY pre_root_id, post_root_id",
            [run_id],
        )
        pre, post = (rows_of(seen.root_ids, rows[f"{end}_root_id"].to_numpy()) for end in ("pre", "post"))
        verdict = np.array([-1 if v is None else int(v) for v in rows["connected"].to_pylist()], dtype=np.int8)
        if not (verdict >= 0).any():
            raise AnalysisError(
                f"no labels: none of the {rows.num_rows:,} responses of run {run_id} says whether there was one; "
                "ingest them with a column 'connected' (true or false) or 'q', so that measured but silent pairs are "
                "known"
            )
        inside = (pre >= 0) & (post >= 0)
        notes = [f"responses are those of run {run_id}: {int((verdict[inside] == 1).sum()):,} responses and "
                 f"{int((verdict[inside] == 0).sum()):,} measured, silent pairs"]  # fmt: skip
        if not inside.all():
            ends = (rows[f"{end}_root_id"].to_numpy()[at < 0] for end, at in (("pre", pre), ("post", post)))
            strangers = np.unique(np.concatenate(list(ends)))
            what = f"{int((~inside).sum()):,} responses are of {len(strangers):,} neurons that are not in the graph"
            if self.outsiders != "leave-out":
                raise AnalysisError(
                    f"{what} ({some(strangers.tolist())}): add them (ingest neurons or connections that name them), or "
                    "leave their pairs out with --outsiders leave-out"
                )
            notes.append(f"{what}, and were left out")
        if silent := int((verdict[inside] < 0).sum()):
            notes.append(f"{silent:,} responses have no verdict, and were left out")
        n = len(seen.root_ids)
        responds = np.full((n, n), -1, dtype=np.int8)
        responds[pre[inside], post[inside]] = verdict[inside]
        return FunctionalData(
            seen.root_ids, seen.snapshots, responds, seen.class_names(), seen.position_nm, seen.vectors
        ), notes  # fmt: skip


def _likeness(vectors: Floats, first: Ints, second: Ints) -> FeatureColumns:
    """Cosine of the standardised embeddings of both ends; 0 where one has none."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return FeatureColumns((unit @ unit.T)[first, second][:, None], ("embedding_cosine",), ("embeddings",))
