"""Every predictor and every task of ours passes the contract that others are held to."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.predict.predictors import PREDICTORS
from graphlab.predict.tasks.registered import TASKS
from graphlab.testing.predictors import PredictorContract, TaskContract, kinds_of, made_wiring
from ingest.synthetic.embedded_cells import made_cells

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
pytest.importorskip("torch")
ALIKE = {"published sngp", "spectral network", "process network", "residual network", "residual ensemble"}
"""Heads of windows that are another one with other numbers; tests/graphlab/predict/learners/windows has them."""
NAMES = [name for name, _ in PREDICTORS if name not in ALIKE] + [
    "calibrated logistic regression",
    "conformal logistic regression",
]


@pytest.mark.parametrize("name", NAMES)
class TestPredictors(PredictorContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name


class TestCellType(TaskContract):
    name = "cell-type"

    def label(self, graph: Graph) -> None:
        ids = made_wiring().root_ids
        graph.ingest(pa.table({"root_id": ids, "cell_type": ["abc"[k] for k in kinds_of(len(ids))]}), as_="neurons")


class TestFunctional(TaskContract):
    name = "functional"

    def label(self, graph: Graph) -> None:
        ids = made_wiring().root_ids
        kind = kinds_of(len(ids))
        pairs = [(a, b) for a in range(len(ids)) for b in range(len(ids)) if a != b and (a + b) % 2]
        responds = [bool(kind[a] <= kind[b]) for a, b in pairs]
        table = {"pre_root_id": ids[[a for a, _ in pairs]], "post_root_id": ids[[b for _, b in pairs]]}
        rows = pa.table({**table, "value": [float(v) for v in responds], "connected": responds})
        graph.activity.correlate("response", source=rows)


class _OfEmbeddings(TaskContract):
    """On made cells: no wiring, embeddings joined to neurons, half of the cables with compartments."""

    def made(self, folder: Path) -> Graph:
        cells = made_cells(3, 24, types=2, unlabelled=0, windows=6, width=6)
        graph = Graph.create(folder / "graph", materialization="1")
        graph.ingest(cells.neurons(0.8), as_="neurons")
        graph.ingest(cells.embeddings(), as_="embeddings", model="made", segmentation_version="1")
        graph.ingest(cells.skeletons(0.5), as_="skeletons")
        graph.embeddings.join("made")
        return graph


class TestClassifier(_OfEmbeddings):
    name = "classifier"


class TestSubcompartment(_OfEmbeddings):
    name = "subcompartment"


def test_every_task_is_held_to_it() -> None:
    kinds = {*TaskContract.__subclasses__(), *_OfEmbeddings.__subclasses__()} - {_OfEmbeddings}
    assert set(TASKS.names()) <= {kind.name for kind in kinds}
