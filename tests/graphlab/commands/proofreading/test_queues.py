"""``graphlab merge-errors``, ``split-errors``, ``label-synapses``: typed, printed, written, rerun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.synthetic.embedded_cells import made_cells
from ingest.synthetic.split_cables import split_cells

pytest.importorskip("sklearn")
pytest.importorskip("torch")
pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of segments end to end, with synapses on them and two models."""
    path = tmp_path_factory.mktemp("proofreading") / "g"
    cells = split_cells(made_cells(3, 40, types=2, unlabelled=0, windows=16, width=6), 3).cells
    at = np.arange(0, len(cells.vectors), 7)
    post = cells.root_ids[at % len(cells.root_ids)]
    places = {f"{axis}_nm": cells.points_nm[at, k] for k, axis in enumerate("xyz")}
    quick: dict[str, Any] = {"folds": 2, "bootstraps": 10}
    with Graph.create(path, materialization="1") as graph:
        graph.ingest(cells.neurons(), as_="neurons")
        graph.ingest(cells.embeddings(), as_="embeddings", model="made", segmentation_version="1")
        graph.ingest(cells.skeletons(0.5), as_="skeletons")
        graph.ingest(pa.table({"pre_root_id": cells.owner[at], "post_root_id": post, **places}), as_="synapses")
        graph.embeddings.place_synapses(100)
        graph.predict.train("classifier", predictors=["linear windows"], **quick)
        graph.predict.train("subcompartment", predictors=["conformal logistic regression"], **quick)
    return path


@pytest.mark.parametrize("queue", [("merge-errors", "classifier-cell_type"), ("split-errors",)], ids=lambda q: q[0])
def test_a_queue_is_printed_written_and_rerun(
    graphlab: Callable[..., Any], document: Callable[..., Any], typed: Path, tmp_path: Path, queue: tuple[str, ...]
) -> None:
    verb, *model = queue
    asked = (verb, typed, *model, "--most", "4", *(["--within", "2500"] if verb == "split-errors" else []))
    found = document(*asked)
    rows = found[verb.replace("-", "_")]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert found["rows"] == 4
    assert all(isinstance(row["root_id"], str) for row in rows)
    assert all(row["link"].startswith("https://") for row in rows)
    shown = graphlab(*asked)
    assert f"(run {found['run']}); -o FILE has the links" in shown.stdout, shown.stderr
    assert rows[0]["root_id"] in shown.stdout
    assert graphlab(*asked, "-q").stdout == ""
    assert graphlab(*asked, "-o", tmp_path / "queue.csv").returncode == 0
    lines = (tmp_path / "queue.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].endswith(",link")
    again = graphlab("rerun", typed, found["run"])
    assert again.returncode == 0, again.stderr
    kept = graphlab("query", typed, f"FROM {verb.replace('-', '_')} WHERE run_id = '{found['run']}'", "--count")
    assert kept.stdout.strip() == "4"


def test_synapses_are_labelled(
    graphlab: Callable[..., Any], document: Callable[..., Any], refusal: Callable[..., str], typed: Path
) -> None:
    done = graphlab("label-synapses", typed, "subcompartment", "--no-progress")
    assert "presynaptic: " in done.stdout, done.stderr
    told = document("label-synapses", typed, "subcompartment")
    assert told["run_id"] in done.stdout
    assert told["labelled"]["pre"] + told["doubtful"]["pre"] + told["without"]["pre"] == told["synapses"]
    assert graphlab("rerun", typed, told["run_id"]).returncode == 0
    known = graphlab(
        "query", typed, "SELECT sum(weight) FROM connections_by_compartment WHERE pre_compartment IS NOT NULL", "--json"
    )
    assert f"{told['labelled']['pre']}.0" in known.stdout
    assert "is of the task classifier" in refusal("label-synapses", typed, "classifier-cell_type")
    assert "wanted a number above 0 and up to 1" in refusal(
        "label-synapses", typed, "subcompartment", "--least-probability", "0"
    )
