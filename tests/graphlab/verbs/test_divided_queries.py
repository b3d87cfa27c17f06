"""Questions over threads, processes and parts of an array: one answer, the same bytes."""

from __future__ import annotations

import pickle
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.distributed.array_parts import ArrayPart, Gather
from graphlab.distributed.parts_folder import PartDone
from graphlab.store.folder import Folder
from graphlab.testing.toy import random_graph
from graphlab.verbs import divided_queries
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, VersionError

ROWS = "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) WHERE e.weight > $least RETURN b.bodyId, a.bodyId, e.weight"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("divided") / "graph"
    random_graph(place, seed=1).close()
    return place


def asked(graph: Graph, workers: Workers | None, text: str = ROWS, **options: Any) -> Any:
    return graph.query(text, parameters={"least": 1.0}, workers=workers, **options).to_arrow()


def test_one_answer_whoever_works(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with Graph.open(folder, read_only=True) as graph:
        whole = asked(graph, None)
        one = asked(graph, 1, progress=lambda done, total: told.append((done, total)))
        assert told[-1][0] == told[-1][1] == len(told) > 1
        assert len(one) == len(whole) > 10
        assert one.schema == whole.schema
        assert one.equals(whole.sort_by([(name, "ascending") for name in whole.column_names]).combine_chunks())
        for part in (1, 2, 3):
            with pytest.raises(PartDone):
                asked(graph, ArrayPart(part, 3, tmp_path / "parts"))
        for workers in (2, Gather(tmp_path / "parts")):
            assert asked(graph, workers).equals(one)
        with pytest.raises(VersionError, match="parts of another run"):
            asked(graph, Gather(tmp_path / "parts"), "A -> B")
        counted = graph.query("A -> B\nB -> A", count=True)
        assert graph.query("A -> B\nB -> A", count=True, workers=2).scalar() == counted.scalar() > 0


class Sent:
    """A runner that sends everything through bytes, as other processes get it."""

    workers, shares_memory = 1, False

    def map_tasks(self, function: Any, tasks: Any, **options: Any) -> Any:
        return map(pickle.loads(pickle.dumps(function)), tasks)


def test_other_processes_open_the_graph_themselves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real cluster: ``tests/graphlab/distributed/ray_cluster.py``."""
    opened: dict[Path, Folder] = {}
    monkeypatch.setattr(divided_queries, "_folders", opened)
    with Graph.open(folder, read_only=True) as graph:
        assert asked(graph, Sent()).equals(asked(graph, 1))
    (own,) = opened.values()
    own.close()


def test_the_place_of_a_graph_does_not_count_and_its_data_do(folder: Path, tmp_path: Path) -> None:
    with Graph.open(folder, read_only=True) as graph, suppress(PartDone):
        asked(graph, ArrayPart(1, 2, tmp_path / "parts"))
    with Graph.open(shutil.copytree(folder, tmp_path / "copy")) as copy:
        with pytest.raises(PartDone) as done:
            asked(copy, ArrayPart(2, 2, tmp_path / "parts"))
        assert done.value.computed
        asked(copy, Gather(tmp_path / "parts"))
        ids = copy.query("SELECT root_id FROM neurons ORDER BY root_id LIMIT 2").to_arrow()["root_id"].to_pylist()
        more = {"pre_root_id": ids[:1], "post_root_id": ids[1:], "weight": [1.0]}
        copy.ingest(pa.table(more), as_="connections", kind="electrical")
        with pytest.raises(VersionError, match="parts of another run"):
            asked(copy, Gather(tmp_path / "parts"))


def test_a_worker_with_other_data_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Graph.open(folder, read_only=True) as graph:
        monkeypatch.setattr(divided_queries, "_opened", lambda path: graph.folder)
        other = divided_queries.Asked(folder, "another", "chemical", None, None, "", None)  # type: ignore[arg-type]
        with pytest.raises(VersionError, match="holds other data; wanted data version another"), other.source():
            pass
        with pytest.raises(AnalysisError, match="a part of a graph"):
            asked(graph.subset({"cell_type": "A"}), 1)
