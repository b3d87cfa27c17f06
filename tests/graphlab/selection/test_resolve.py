"""What a text, a list or criteria mean: one meaning, or an error that says all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.selection.resolve import AmbiguousNameError, criteria_of, root_ids_of
from graphlab.store import neuron_sets
from ingest.schema.errors import IdError, SchemaError, UnknownNameError

BIG = 2**63 + 11


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    rows = pd.DataFrame(
        {
            "root_id": np.array([1, 2, 3, 4, 5, 6, BIG], dtype=np.uint64),
            "name": ["AVAL", "AVAR", "twin", "twin", "7", "DVA", "RIML"],
            "cell_type": ["AVA", "AVA", "KC", "KC", "MBON", "DVA", None],
            "side": ["left", "right", "left", "right", None, None, "left"],
        }
    )
    with Graph.create(tmp_path_factory.mktemp("resolve") / "g") as made:
        made.ingest(pa.Table.from_pandas(rows, preserve_index=False), as_="neurons")
        neuron_sets.save(made.folder, "mine", np.array([6, 1, 6], dtype=np.uint64))
        neuron_sets.save(made.folder, "big", np.array([BIG], dtype=np.uint64))
        yield made


@pytest.mark.parametrize(
    ("who", "ids"),
    [
        (3, [3]), ("3", [3]), (BIG, [BIG]), (str(BIG), [BIG]), ("99", [99]),
        ("AVAL", [1]), (" AVAL ", [1]), ("AVA", [1, 2]), ("DVA", [6]), ("mine", [1, 6]),
        (["AVAR", "AVAL", "AVAR"], [2, 1]), (["mine", 5, {"cell_type": "KC"}], [1, 6, 5, 3, 4]), ([], []),
        ({"name": "twin"}, [3, 4]), ({"in_set": "mine"}, [1, 6]),
        ({"in_set": ["mine", "big"], "side": "left"}, [1, BIG]),
        ({"in_set": "mine", "root_id": [6, 2]}, [6]), ({"search": "av left"}, [1]), ({"root_id": str(BIG)}, [BIG]),
        (np.array([4, 2, 4]), [4, 2]), (pd.Series([4, 2]), [4, 2]), (pa.array([BIG], pa.uint64()), [BIG]),
        (pa.table({"root_id": pa.array([BIG, 1], pa.uint64())}), [BIG, 1]), (pd.DataFrame({"root_id": [5]}), [5]),
        ((4, 2), [4, 2]), (None, [1, 2, 3, 4, 5, 6, BIG]),
    ],
    ids=str,
)  # fmt: skip
def test_one_meaning(graph: Graph, who: Any, ids: list[int]) -> None:
    assert root_ids_of(graph.folder, who).tolist() == ids
    assert root_ids_of(graph.folder, who).dtype == np.uint64
    criteria = criteria_of(graph.folder, who)
    assert root_ids_of(graph.folder, criteria).tolist() == sorted(i for i in ids if i != 99)


def test_results_and_sets_are_neurons(graph: Graph) -> None:
    assert root_ids_of(graph.folder, graph.neurons("AVA")).tolist() == [1, 2]
    assert root_ids_of(graph.folder, neuron_sets.saved_set(graph.folder, "mine")).tolist() == [1, 6]


@pytest.mark.parametrize(
    ("who", "error", "message"),
    [
        ("twin", AmbiguousNameError, r"2 neurons are called 'twin': 3 KC left, 4 KC right; .*\{'name': 'twin'\}"),
        ("AVAV", UnknownNameError, "did you mean 'AVA' or 'AVAR' or 'AVAL'"),
        ("avar", UnknownNameError, "did you mean 'AVAR'"),
        ("'; DROP TABLE neurons; --", UnknownNameError, "unknown name, cell type or saved set"),
        (3.0, IdError, "floats"), (-1, IdError, "ids are integers"), ("-1", IdError, "all their digits"),
        ("7.2e+17", IdError, "all their digits"), ([1, 2.0], IdError, "floats"), (np.array([1.5]), IdError, "float"),
        ({"in_set": "mien"}, UnknownNameError, "did you mean 'mine'"),
        (pd.DataFrame({"pre_root_id": [1]}), SchemaError, "found pre_root_id"),
    ],
)  # fmt: skip
def test_no_meaning_or_several(graph: Graph, who: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        root_ids_of(graph.folder, who)


def test_a_text_that_means_several_things(graph: Graph, tmp_path: Path) -> None:
    rows = pd.DataFrame({"root_id": [7, 8], "name": ["KC", "8x"], "cell_type": ["x", "KC"]})
    with Graph.create(tmp_path / "g") as other:
        other.ingest(rows, as_="neurons")
        with pytest.raises(AmbiguousNameError, match="'KC' means several.*cell_type of 1 neuron, name of 1 neuron"):
            root_ids_of(other.folder, "KC")
        other.ingest(pd.DataFrame({"root_id": [9], "name": ["7"]}), as_="neurons")
        with pytest.raises(AmbiguousNameError, match=r"\{'name': '7'\} or \{'root_id': 7\}"):
            root_ids_of(other.folder, "7")
    assert root_ids_of(graph.folder, "7").tolist() == [5], "digits that no neuron has as an id, and one as its name"


def test_a_column_with_a_word_of_ours_is_not_guessed(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [7], "search": ["x"]}), as_="neurons")
        with pytest.raises(SchemaError, match="a column called 'search'"):
            graph.neurons(search="x")
