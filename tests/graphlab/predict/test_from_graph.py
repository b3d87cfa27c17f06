"""What is read from a graph folder is what went in: labels, twins, silent pairs, vectors; the larva and the worm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.predict.from_graph import homologue_classes
from graphlab.predict.tasks import cell_type, functional
from graphlab.predict.tasks.cell_type import CellType, CellTypeData
from graphlab.predict.tasks.functional import Functional, FunctionalData
from graphlab.predict.tasks.question import Question
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError, VersionError

CELL, PAIRS = Question.of("cell-type"), Question.of("functional", homologues="homologue")
TYPES, RESPONSES = CellType(), Functional()


def test_labels_sides_and_twins(made_trainable: Any) -> None:
    with Graph.open(made_trainable.path, read_only=True) as graph:
        seen = CELL.read(graph.folder)
        found, notes = TYPES.typed(graph.folder, seen)
        assert found.cell_type == [v if v in ("aa", "bb", "cc") else None for v in made_trainable.neurons["cell_type"]]
        assert found.side == ["left", "right"] * 20
        assert cell_type.examples_of(found).group.reshape(-1, 2).tolist() == [[2 * k, 2 * k] for k in range(20)]
        assert seen.position_nm is None, "a cell-type task does not look at places"
        assert any("1 neurons have a label that says unknown" in note for note in notes)
        with_unk = replace(TYPES, unknown=(), least=1)
        assert with_unk.typed(graph.folder, seen)[0].cell_type[7] == "unk"
        rare, notes = replace(with_unk, least=2).typed(graph.folder, seen)
        assert rare.cell_type[7] is None
        assert any("1 labels of fewer than 2 neurons were left out: unk" in note for note in notes)
        by_side, _ = replace(TYPES, label="side").typed(graph.folder, seen)
        assert by_side.cell_type == found.side
        with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
            replace(TYPES, label="celltype").typed(graph.folder, seen)
        with pytest.raises(
            AnalysisError, match="no labels: no neuron .* column 'neuropil' .* name another with --label"
        ):
            replace(TYPES, label="neuropil").typed(graph.folder, seen)


def test_measured_pairs_and_silent_ones(made_trainable: Any) -> None:
    with Graph.open(made_trainable.path, read_only=True) as graph:
        seen = PAIRS.read(graph.folder)
        found, notes = RESPONSES.measured(graph.folder, seen)
    ids = made_trainable.neurons["root_id"].to_numpy()
    wanted = np.full((40, 40), -1)
    rows = made_trainable.responses.to_pandas()
    at = [np.searchsorted(ids, rows[f"{end}_root_id"]) for end in ("pre", "post")]
    wanted[at[0], at[1]] = rows["connected"]
    assert np.array_equal(found.responds, wanted)
    examples = functional.examples_of(found)
    assert examples.m == len(rows)
    assert len(np.unique(examples.group)) == 20
    assert found.position_nm is not None
    np.testing.assert_array_equal(found.position_nm, made_trainable.neurons[["x_nm", "y_nm", "z_nm"]].to_numpy())
    assert f"{int((~rows['connected']).sum()):,} measured, silent pairs" in notes[0]


def test_responses_without_verdict_of_strangers_or_none_at_all(trainable: Any) -> None:
    rows = trainable.responses.to_pandas()
    with Graph.open(trainable.path) as graph:
        seen = PAIRS.read(graph.folder)
        graph.activity.correlate(
            "response", source=pa.Table.from_pandas(rows[["pre_root_id", "post_root_id", "value"]])
        )
        with pytest.raises(AnalysisError, match="no labels: none of the .* responses .* a column 'connected'"):
            RESPONSES.measured(graph.folder, seen)
        strange = rows.copy()
        strange.loc[:2, "post_root_id"] = np.uint64(77)
        strange = strange.drop_duplicates(["pre_root_id", "post_root_id"])
        run = graph.activity.correlate("response", source=pa.Table.from_pandas(strange, preserve_index=False)).run_id
        lost = int((strange["post_root_id"] == 77).sum())
        with pytest.raises(AnalysisError, match=rf"{lost} responses are of 1 neurons .* \(77\): add them .*leave-out"):
            RESPONSES.measured(graph.folder, seen)
        found, notes = replace(RESPONSES, outsiders="leave-out").measured(graph.folder, seen)
        assert (found.responds >= 0).sum() == len(strange) - lost
        assert any(f"{lost} responses are of 1 neurons" in note for note in notes)
        with pytest.raises(UnknownNameError, match=f"did you mean .*{run}"):
            replace(RESPONSES, responses=f"{run[:-1]}x").measured(graph.folder, seen)
        graph.folder.connection.execute("UPDATE functional_connections SET kind = 'correlation'")
        with pytest.raises(AnalysisError, match="no measured responses .* they are correlations"):
            RESPONSES.measured(graph.folder, seen)
    with pytest.raises(UnknownNameError, match="unknown task 'celltype'; did you mean 'cell-type'"):
        Question.of("celltype")


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        ("by_name", ["n1", "n0", None, "n4", "n3", None], [0, 0, 1, 2, 2, 3]),
        ("by_class", ["A", "A", "n2", "B", "B", None], [0, 0, 1, 2, 2, 3]),
        ("by_number", [-1, 7, -1, 9, 7, 9], [0, 1, 2, 3, 1, 3]),
    ],
)
def test_columns_of_partners_and_of_classes(tmp_path: Path, column: str, values: list[Any], wanted: list[int]) -> None:
    neurons = pd.DataFrame({"root_id": np.arange(100, 106), "name": [f"n{k}" for k in range(6)], column: values})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(pd.DataFrame({"pre_root_id": [100], "post_root_id": [101], "weight": [1.0]}), as_="connections")
        found, said = homologue_classes(graph.folder, graph.snapshot(), column)
        assert found is not None
        places: dict[str, int] = {}
        assert [places.setdefault(name, len(places)) for name in found] == wanted
        assert f"from the column '{column}': {len(places)} of 6" in said
        assert homologue_classes(graph.folder, graph.snapshot(), None)[0] is None


def test_worm_names(tmp_path: Path) -> None:
    names = ["AVAL", "AVAR", "VB1", "VB2", "RID"]
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(
            pd.DataFrame({"pre_name": names[:4], "post_name": names[1:], "weight": [1.0] * 4}), as_="connections"
        )
        found, _ = homologue_classes(graph.folder, graph.snapshot(), "worm")
        known = dict(zip(graph.neuron_values(graph.snapshot(), "name"), found or [], strict=True))
    assert known == {"AVAL": "AVA", "AVAR": "AVA", "VB1": "VB", "VB2": "VB", "RID": "RID"}


def test_vectors_are_means_of_joined_neurons(trainable: Any, vectors_of: Callable[..., pa.Table]) -> None:
    ids = trainable.neurons["root_id"].to_numpy()
    vectors = np.random.default_rng(1).normal(size=(40, 3))
    with Graph.open(trainable.path) as graph:
        assert CELL.read(graph.folder).vectors is None
        one = {"model": "one", "segmentation_version": "1"}
        graph.ingest(vectors_of(ids[:30], vectors[:30]), as_="embeddings", **one)
        with pytest.raises(AnalysisError, match="no neuron is joined to them; join them first"):
            CELL.read(graph.folder)
        graph.embeddings.join()
        seen = CELL.read(graph.folder)
        assert seen.vectors is not None
        np.testing.assert_allclose(seen.vectors[:30], vectors[:30], atol=1e-6)
        assert np.isnan(seen.vectors[30:]).all()
        assert any("10 of 40 neurons have no embedding" in note for note in seen.notes)
        node = cell_type.build_inputs(seen)
        columns = node(cell_type.examples_of(TYPES.typed(graph.folder, seen)[0]), np.arange(3)).node
        assert columns.values[:, columns.names.index("has_embedding")].tolist() == [1.0] * 30 + [0.0] * 10
        assert replace(CELL, embeddings="none").read(graph.folder).vectors is None
        graph.ingest(vectors_of(ids, vectors), as_="embeddings", model="two", segmentation_version="9")
        with pytest.raises(SchemaError, match=r"embeddings of 2 models \(one, two\).* never mixed"):
            CELL.read(graph.folder)
        with pytest.raises(VersionError, match="belong to segmentation 9, the ids to 1"):
            graph.predict.train("cell-type", embeddings="two")


def test_no_wiring(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        with pytest.raises(AnalysisError, match="no chemical connections; ingest some"):
            CELL.read(graph.folder)


def test_hashes_tell_parts_apart(trainable: Any) -> None:
    with Graph.open(trainable.path) as graph:
        before = PAIRS.read(graph.folder)
        assert PAIRS.read(graph.folder).hashes == before.hashes
        a, b = (trainable.neurons["root_id"][k] for k in (0, 1))
        graph.ingest(
            pd.DataFrame({"pre_root_id": [a], "post_root_id": [b], "weight": [1.0]}), as_="connections",
            kind="electrical",
        )  # fmt: skip
        after = PAIRS.read(graph.folder)
    assert {k for k in after.hashes if after.hashes[k] != before.hashes.get(k)} == {"electrical connections"}
    assert after.counts["electrical connections"] == 1


def test_larva_comes_back_from_its_folder(larva_typed: CellTypeData, tmp_path: Path) -> None:
    chemical = larva_typed.snapshots["chemical"]
    columns = {"root_id": larva_typed.root_ids, "simple_group": [v or "unk" for v in larva_typed.cell_type]}
    columns |= {"side": larva_typed.side, "pair": [-1 if v is None else v for v in larva_typed.partner or []]}
    edges = {
        "pre_root_id": chemical.root_ids[chemical.sources()],
        "post_root_id": chemical.root_ids[chemical.out_target],
    }
    question = Question.of("cell-type", label="simple_group")
    with Graph.create(tmp_path / "larva") as graph:
        graph.ingest(pd.DataFrame(columns), as_="neurons")
        graph.ingest(pd.DataFrame({**edges, "weight": chemical.weight}), as_="connections")
        found, _ = CellType("simple_group").typed(graph.folder, question.read(graph.folder))
    ours, theirs = cell_type.examples_of(found), cell_type.examples_of(larva_typed)
    for name in ("source", "label", "side"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert ours.classes == theirs.classes
    assert len(ours.classes) == 17
    same = [np.unique(e.group, return_inverse=True)[1] for e in (ours, theirs)]
    assert np.array_equal(same[0], same[1])
    back = found.snapshots["chemical"]
    assert np.array_equal(back.out_target, chemical.out_target)
    assert np.array_equal(back.weight, chemical.weight)


def test_worm_responses_come_back_from_their_folder(randi_measured: FunctionalData, tmp_path: Path) -> None:
    """Randi et al. 2023: 24,320 measured pairs, 1,154 of them responses, silent ones known as such."""
    place = randi_measured.position_nm
    assert place is not None
    ids = randi_measured.root_ids
    neurons = {"root_id": ids, "neuron_class": list(randi_measured.neuron_class)}
    neurons |= {f"{axis}_nm": place[:, k] for k, axis in enumerate("xyz")}
    a, b = np.nonzero(randi_measured.responds >= 0)
    verdict = randi_measured.responds[a, b] == 1
    asked = pa.table({"pre_root_id": ids[a], "post_root_id": ids[b], "value": verdict * 1.0, "connected": verdict})
    question = Question.of("functional", homologues="neuron_class")
    with Graph.create(tmp_path / "worm") as graph:
        graph.ingest(pd.DataFrame(neurons), as_="neurons")
        for kind, view in randi_measured.snapshots.items():
            edges = {"pre_root_id": ids[view.sources()], "post_root_id": ids[view.out_target], "weight": view.weight}
            graph.ingest(pd.DataFrame(edges), as_="connections", kind=kind)
        graph.activity.correlate("response", source=asked)
        found, _ = RESPONSES.measured(graph.folder, question.read(graph.folder))
    ours, theirs = functional.examples_of(found), functional.examples_of(randi_measured)
    assert ours.m == 24_320
    assert ours.label.sum() == 1_154
    for name in ("source", "target", "label", "group"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert set(found.snapshots) == {"chemical", "electrical", "extrasynaptic"}
