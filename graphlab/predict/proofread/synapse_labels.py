"""Compartments of synapses from a model of embedded nodes: what is sure fills ``connections_by_compartment``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.predict.ask_model import Answers, answers_of, weights_input
from graphlab.predict.proofread.seen_runs import start_seen_run
from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.runs.results import Repetition
from graphlab.store.wiring.predicted.labels import SIDES, write_labels
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, SchemaError, StoreError

VERB = "label synapses"
TASK = "subcompartment"


@dataclass(frozen=True, slots=True)
class LabelledSynapses:
    """How many synapses a model gave a compartment."""

    run_id: str
    model: str
    nodes: int
    """Embedded nodes that were asked about."""
    doubtful_nodes: int
    synapses: int
    labelled: dict[str, int]
    """Side -> synapses at a node that is sure."""
    doubtful: dict[str, int]
    """Side -> synapses at a node that is not: left unknown."""
    without: dict[str, int]
    """Side -> synapses without an embedded node within reach."""
    known_otherwise: dict[str, int]
    """Side -> labelled ones that have a compartment from a source or a skeleton, which stays."""

    def __str__(self) -> str:
        sides = "; ".join(
            f"{side}synaptic: {self.labelled[side]:,} labelled ({self.known_otherwise[side]:,} of them keep what a "
            f"source or skeleton says), {self.doubtful[side]:,} at doubtful nodes and left unknown, "
            f"{self.without[side]:,} without an embedded node"
            for side in SIDES
        )
        return (
            f"compartments of {self.synapses:,} synapses by model {self.model}: {self.doubtful_nodes:,} of "
            f"{self.nodes:,} nodes are doubtful; {sides} (run {self.run_id})"
        )


def label_synapses(
    folder: Folder,
    name: str,
    *,
    least_probability: float | None = None,
    allow_changed: bool = False,
    progress: Progress | None = None,
    repetition: Repetition | None = None,
) -> LabelledSynapses:
    """Give synapses the compartment that a model says of the embedded node where they were placed.

    A node is sure where its conformal set holds its most probable label alone and it is not strange; with
    ``least_probability`` that label must also be as probable. What a source or a skeleton says of a synapse stays.

    Args:
        name: a saved model of the task ``subcompartment``. least_probability: asked of a label; for a model without
            sets it is what doubt is told by, and has to be given.

    Raises:
        SchemaError: synapses were not placed on the nodes of these embeddings, or connections came ready made.
        AnalysisError: a model of another task, one that says nothing of its doubt, a probability that is none.
        StoreError: the graph is open for reading only. Others as of ``ask``.
    """
    if least_probability is not None and not 0 < least_probability <= 1:
        raise AnalysisError(f"least_probability is {least_probability}; wanted a number above 0 and up to 1")
    if folder.read_only and repetition is None:
        raise StoreError(f"{folder.path} is open for reading only; labels of synapses are kept there")
    _require_synapses(folder)
    answers = answers_of(folder, name, task=TASK, allow_changed=allow_changed, progress=progress)
    about = answers.model.card.embeddings
    assert about is not None, "nodes are embedded"
    embeddings = str(about["model"])
    placed = _placed(folder, embeddings)
    sure = _sure(answers, least_probability)
    # The same work in another state of the joins or of the model is another run.
    run = start_seen_run(
        folder,
        VERB,
        {
            "model": name,
            "least_probability": least_probability,
            "allow_changed": allow_changed,
            "placed": placed,
            "seen": dict(answers.seen.hashes),
        },
        weights_input(answers.model),
        repetition,
    )
    labels, doubtful = _labels(folder, embeddings, answers, sure)
    if repetition is not None:
        run.finish(labels)
    synapses = int(first_row(folder.connection, "SELECT count(*) FROM synapses")[0])
    labelled = {side: labels["side"].to_pylist().count(side) for side in SIDES}
    without = {side: synapses - labelled[side] - doubtful[side] for side in SIDES}

    def result(known: dict[str, int]) -> LabelledSynapses:
        return LabelledSynapses(
            run.run_id, name, len(sure), int((~sure).sum()), synapses, labelled, doubtful, without, known
        )

    told: list[LabelledSynapses] = []

    def say(known: dict[str, int]) -> str:
        told.append(result(known))
        return "; ".join([str(told[0]), *answers.notes])

    if repetition is None:
        write_labels(folder, run, embeddings, labels, say)
    return told[0] if told else result(dict.fromkeys(SIDES, 0))


def _require_synapses(folder: Folder) -> None:
    origins = [str(row[0]) for row in folder.connection.execute("SELECT origin FROM pair_sources").fetchall()]
    if origins and "synapses" not in origins:
        raise SchemaError(
            "the connections of this graph came ready, not from single synapses, so compartments of synapses would "
            "fill nothing; ingest the synapses into a separate graph"
        )


def _placed(folder: Folder, embeddings: str) -> str:
    """The run that placed the synapses on the nodes of a model of embeddings."""
    row = first_row(folder.connection, "SELECT min(run_id) FROM synapse_embeddings WHERE model = ?", [embeddings])
    if row[0] is None:
        raise SchemaError(
            f"no synapse is placed on a node of the embeddings {embeddings!r}; place them first: "
            f"graphlab place-synapses {shlex.quote(str(folder.path))} --radius 1000 --model {shlex.quote(embeddings)}"
        )
    return str(row[0])


def _sure(answers: Answers, least: float | None) -> npt.NDArray[np.bool_]:
    """[nodes] whether the most probable label is to be believed."""
    judged, probability = answers.said.judged, answers.said.probability
    if judged is None and least is None:
        raise AnalysisError(
            f"model {answers.model.name!r} ({answers.model.card.predictor}) does not say how sure it is of a node. "
            f"Train one that does: graphlab train {TASK} GRAPH --keep 'conformal logistic regression', or say from "
            "which probability on a label counts: graphlab label-synapses GRAPH MODEL --least-probability 0.9"
        )
    rows = np.arange(len(probability))
    best = probability.argmax(axis=1)
    sure = np.ones(len(rows), dtype=bool)
    if judged is not None:
        sure &= (judged.in_set.sum(axis=1) == 1) & judged.in_set[rows, best] & ~judged.strange
    if least is not None:
        sure &= probability[rows, best] >= least
    return sure


def _labels(
    folder: Folder, embeddings: str, answers: Answers, sure: npt.NDArray[np.bool_]
) -> tuple[pa.Table, dict[str, int]]:
    """(synapse_id, side, compartment of those that are sure; side -> synapses at doubtful nodes)."""
    said = answers.said
    best = pa.array(said.probability.argmax(axis=1))
    label = pa.array(list(said.classes), pa.string()).take(best)
    nodes = pa.table(
        {
            "root_id": pa.array(said.source, pa.uint64()),
            "node_id": pa.array(said.target, pa.uint64()),
            "compartment": label,
            "sure": pa.array(sure),
        }
    )
    cursor = folder.cursor()
    cursor.register("answered", nodes)
    joined = "FROM synapse_embeddings JOIN answered USING (root_id, node_id) WHERE model = $model"
    labels = arrow(
        cursor,
        f"SELECT synapse_id, side, compartment {joined} AND sure ORDER BY synapse_id, side",
        {"model": embeddings},
    )
    rows = cursor.execute(
        f"SELECT side, count(*) {joined} AND NOT sure GROUP BY side", {"model": embeddings}
    ).fetchall()
    return labels, dict.fromkeys(SIDES, 0) | {str(side): int(count) for side, count in rows}
