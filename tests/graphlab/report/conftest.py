"""A made connectome with results in it, its pages, and the system's Chromium."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from graphlab import Graph
from ingest.synthetic import connectome as synthetic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from graphlab.predict.inputs.wiring import Wiring
    from graphlab.predict.protocol import TrainingRun

EVIL = '<script>fetch("https://example.org/x")</script>'
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with whole.html and motifs.html about a graph whose names are hostile."""
    folder = tmp_path_factory.mktemp("pages")
    made = synthetic.make(folder / "sources", neurons=200, seed=4)
    with Graph.create(folder / "graph", f"connectome {EVIL}", synthetic.RESOLUTION.xyz, "1") as graph:
        text = made.neurons.read_text(encoding="utf-8")
        made.neurons.write_text(text.replace("intrinsic-1", EVIL.replace('"', '""')), encoding="utf-8")
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        found = graph.motifs.significance(3, samples=600, seed=1, min_weight=20)
        other = graph.motifs.significance(3, samples=40, seed=1, min_weight=8)
        graph.motifs.significance(4, samples=8, seed=1, min_weight=10)
        graph.motifs.mine(3, samples=9, seed=1, min_weight=6)
        graph.report(folder / "whole.html")
        graph.report(folder / "motifs.html", motifs=found, compare={f"other {EVIL}": other})
    return folder


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Browser:
    """Headless Chromium."""
    return launch(*FLAGS)


def save_run(models: Path, name: str, run: TrainingRun, more: dict[str, Any], seen: Wiring) -> None:
    """A finished run as training keeps it: the card, and every held-out prediction."""
    from graphlab.predict.card import PredictorCard
    from graphlab.predict.train_model import held_table

    models.mkdir(exist_ok=True)
    pq.write_table(held_table(run, seen, run.task.reference), models / f"{name}.held.parquet")
    about = {"question": {"task": name}, "graph": {"hashes": {}, "counts": {}}}
    card = PredictorCard(**vars(run.card), name=name, predictor=run.task.reference, **about, **more)
    (models / f"{name}.json").write_text(card.text(), encoding="utf-8")


@pytest.fixture(scope="session")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``graph`` and ``predicted.html``: both tasks on a made connectome, some names hostile."""
    pytest.importorskip("sklearn")
    from graphlab.predict.controls import importance
    from graphlab.predict.inputs.wiring import Wiring
    from graphlab.predict.learners import calibration
    from graphlab.predict.learners.calibration import Calibrated
    from graphlab.predict.learners.linear import LogisticRegression
    from graphlab.predict.protocol import run
    from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task
    from graphlab.predict.tasks.functional import FunctionalData, functional_task

    folder = tmp_path_factory.mktemp("predicted")
    made = synthetic.make(folder / "sources", neurons=80, seed=2, frames=10)
    text = made.neurons.read_text(encoding="utf-8")
    made.neurons.write_text(text.replace("intrinsic-1", EVIL.replace('"', '""')), encoding="utf-8")
    with Graph.create(folder / "graph", "made connectome", synthetic.RESOLUTION.xyz, "1") as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        wiring = graph.snapshot()
        found = graph.query("SELECT root_id, cell_type, x_nm, y_nm, z_nm FROM neurons ORDER BY root_id").to_arrow()
        ids, types = found["root_id"].to_numpy(), found["cell_type"].to_pylist()
        rng = np.random.default_rng(0)
        matrix = np.zeros((len(ids), len(ids)))
        matrix[wiring.sources(), wiring.out_target] = wiring.weight
        responds = (rng.random(matrix.shape) < 1 / (1 + np.exp(3.5 - np.log1p(matrix)))).astype(np.int8)
        classes = [str(k // 2) for k in range(len(ids))]
        place = np.stack([found[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1).astype(float)
        calibrated = Calibrated(LogisticRegression())
        pairs = functional_task(FunctionalData(ids, {"chemical": wiring}, responds, classes, place), folds=3,
                                bootstraps=20, extra={calibrated.name: calibrated})  # fmt: skip
        some = ("synapse count", "distance", "identity rates", "logistic regression", "random forest", calibrated.name)
        pairs = replace(pairs, predictors=some, reference="random forest",
                        candidates=("logistic regression", calibrated.name), notes=(EVIL,))  # fmt: skip
        done = run(pairs)
        rows = importance.as_card([*importance.shuffled(done, "logistic regression"),
                                   *importance.left_out(done, "logistic regression")])  # fmt: skip
        uncertain = calibration.uncertainty_card(calibration.uncertainty(pairs.examples, done.held, 20))
        more = {"importance": rows, "uncertainty": uncertain}
        save_run(graph.path / "models", "functional", done, more, Wiring(ids, {"chemical": wiring}))
        nodes = cell_type_task(CellTypeData(ids, {"chemical": wiring}, types), "class", folds=3, bootstraps=20)
        nodes = replace(nodes, name=EVIL, predictors=("identity rates", "label propagation", "random forest"))
        save_run(graph.path / "models", "cell-type", run(nodes), {}, Wiring(ids, {"chemical": wiring}))
        graph.report(folder / "predicted.html")
    return folder
