"""Tables in memory as the field's clients return them: CAVEclient, fafbseg, neuprint-python, polars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ingest.reader import Reading
from ingest.schema.errors import IdError, ReadError, SchemaError

Read = Callable[..., pa.Table]
A, B = 864691135941359220, 864691135941359221


def cave_synapses() -> pd.DataFrame:
    """Columns of ``client.materialize.synapse_query``."""
    frame = pd.DataFrame(
        {
            "id": [11, 12],
            "pre_pt_root_id": [A, B],
            "post_pt_root_id": [B, A],
            "size": [1500, 20],
            "pre_pt_position": [np.array([1, 2, 3]), np.array([4, 5, 6])],
            "post_pt_position": [[1, 2, 3], [4, 5, 6]],
            "ctr_pt_position": [np.array([10, 20, 30]), np.array([40, 50, 60])],
        }
    )
    frame.attrs.update(dataframe_resolution=np.array([4, 4, 40]), materialization_version=943, table_id="synapses")
    return frame


def points(table: pa.Table) -> list[tuple[float, float, float]]:
    return list(zip(*(table[f"{axis}_nm"].to_pylist() for axis in "xyz"), strict=True))


def test_synapses_of_caveclient(read: Read, opened: Callable[..., Reading]) -> None:
    table = read(cave_synapses(), "synapses", columns="cave")
    assert table["pre_root_id"].to_pylist() == [A, B]
    assert table["synapse_id"].to_pylist() == [11, 12]
    assert points(table) == [(40.0, 80.0, 1200.0), (160.0, 200.0, 2400.0)]
    assert table["size"].to_pylist() == [1500.0, 20.0]
    assert table["pre_pt_position"].to_pylist() == [[1, 2, 3], [4, 5, 6]]
    assert opened(cave_synapses(), "synapses", columns="cave").meta == {"materialization": 943}


def test_split_positions_of_caveclient(read: Read) -> None:
    frame = cave_synapses().drop(columns="ctr_pt_position")
    frame[["ctr_pt_position_x", "ctr_pt_position_y", "ctr_pt_position_z"]] = [[10, 20, 30], [40, 50, 60]]
    assert points(read(frame, "synapses", columns="cave")) == [(40.0, 80.0, 1200.0), (160.0, 200.0, 2400.0)]


def test_neurons_of_caveclient(read: Read) -> None:
    frame = pd.DataFrame(
        {"id": [1], "pt_root_id": [A], "cell_type": ["23P"], "pt_position": [[1, 2, 3]], "valid": [True]}
    )
    frame.attrs["dataframe_resolution"] = "4, 4, 40"
    table = read(frame, "neurons", columns="cave")
    assert points(table) == [(4.0, 8.0, 120.0)]
    assert (table["root_id"].to_pylist(), table["cell_type"].to_pylist()) == ([A], ["23P"])
    proof = pd.DataFrame({"pt_root_id": [A], "status_axon": ["extended"], "status_dendrite": ["clean"]})
    assert read(proof, "neurons", columns="cave")["status_axon"].to_pylist() == ["extended"]


def test_the_resolution_that_holds(read: Read, opened: Callable[..., Reading]) -> None:
    from ingest.schema.space import Resolution

    frame = cave_synapses()
    reading = opened(frame, "synapses", columns="cave", resolution="8,8,40")
    assert next(reading.batches).column("x_nm").to_pylist() == [80.0, 320.0]
    assert any("says its voxels are 4,4,40 nm; read as 8,8,40 nm, as asked" in note for note in reading.notes)
    with pytest.raises(SchemaError, match=r"says its voxels are 4,4,40 nm, the graph's are 8,8,40 nm; say which"):
        read(frame, "synapses", columns="cave", default_resolution=Resolution(8, 8, 40))
    frame.attrs["dataframe_resolution"] = "mixed_resolutions"
    with pytest.raises(SchemaError, match=r"<DataFrame>: ctr_pt_position are voxels; say how long one is"):
        read(frame, "synapses", columns="cave")
    table = read(frame, "synapses", columns="cave", default_resolution=Resolution(8, 8, 40))
    assert table["x_nm"].to_pylist() == [80.0, 320.0]
    bare = frame.drop(columns=["pre_pt_position", "post_pt_position", "ctr_pt_position"])
    assert read(bare, "synapses", columns="cave").num_rows == 2


def test_synapses_and_connections_of_fafbseg(read: Read) -> None:
    frame = pd.DataFrame(
        {
            "pre": [A, B], "post": [B, A], "cleft_score": [40, 150], "id": [1, 2],
            "pre_x": [10, 20], "pre_y": [1, 2], "pre_z": [3, 4], "post_x": [0, 0], "post_y": [0, 0], "post_z": [0, 0],
            "neuropil": pd.Categorical(["AL_R", None]),
        }
    )  # fmt: skip
    table = read(frame, "synapses", columns="flywire", resolution="4,4,40")
    assert (table["pre_root_id"].to_pylist(), table["post_root_id"].to_pylist()) == ([A, B], [B, A])
    assert table["score"].to_pylist() == [40.0, 150.0]
    assert points(table) == [(40.0, 4.0, 120.0), (80.0, 8.0, 160.0)]
    assert table["neuropil"].to_pylist() == ["AL_R", None]
    edges = pd.DataFrame({"pre": [A], "post": [B], "weight": [7]})
    assert read(edges, columns="flywire").to_pylist() == [{"pre_root_id": A, "post_root_id": B, "weight": 7.0}]


def test_tables_of_neuprint_python(read: Read) -> None:
    neurons = pd.DataFrame(
        {
            "bodyId": [1, 2], "instance": ["a_L", None], "type": ["a", None], "pre": [5, 6], "post": [7, 8],
            "downstream": [50, 60], "upstream": [70, 80], "somaLocation": [[1, 2, 3], None], "status": "Traced",
        }
    )  # fmt: skip
    table = read(neurons, "neurons", columns="neuprint", resolution="8,8,8")
    assert table["total_in"].to_pylist() == [70.0, 80.0]
    assert table["total_out"].to_pylist() == [50.0, 60.0]
    assert points(table) == [(8.0, 16.0, 24.0), (None, None, None)]
    assert table["cell_type"].to_pylist() == ["a", None]
    assert {"pre", "post", "status"} <= set(table.column_names)
    neurons["somaLocation"] = None
    assert points(read(neurons, "neurons", columns="neuprint", resolution="8,8,8")) == [(None, None, None)] * 2
    connections = pd.DataFrame({"bodyId_pre": [1], "bodyId_post": [2], "roi": ["EB"], "weight": [3]})
    assert read(connections, columns="neuprint").to_pylist() == [
        {"pre_root_id": 1, "post_root_id": 2, "weight": 3.0, "neuropil": "EB"}
    ]
    synapses = pd.DataFrame(
        {
            "bodyId_pre": [1], "bodyId_post": [2], "roi_pre": ["EB"], "roi_post": ["PB"], "x_pre": [1], "y_pre": [1],
            "z_pre": [1], "x_post": [10], "y_post": [20], "z_post": [30], "confidence_pre": [0.9],
            "confidence_post": [0.5],
        }
    )  # fmt: skip
    table = read(synapses, "synapses", columns="neuprint", resolution="8,8,8")
    assert (points(table), table["score"].to_pylist()) == ([(80.0, 160.0, 240.0)], [0.5])
    assert table["neuropil"].to_pylist() == ["PB"]


def test_ids_in_an_index(read: Read) -> None:
    frame = pd.DataFrame({"cell_type": ["a"]}, index=pd.Index([A], name="root_id"))
    assert read(frame, "neurons").to_pylist() == [{"root_id": A, "cell_type": "a"}]
    frame["root_id"] = 7
    with pytest.raises(SchemaError, match="'root_id' is both an index and a column"):
        read(frame, "neurons")


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table, lambda data: pa.table(data).to_batches()[0]])
def test_other_tables_in_memory(read: Read, make: Callable[[dict[str, pa.Array]], object]) -> None:
    data = {"root_id": pa.array([2**64 - 1, 3], pa.uint64()), "side": pa.array(["left", "right"])}
    assert read(make(data), "neurons").to_pylist() == [
        {"root_id": 2**64 - 1, "side": "left"},
        {"root_id": 3, "side": "right"},
    ]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1.0, 2.0], "row 1, column 'root_id': found the float 1.0; a float cannot hold a 64-bit id"),
        ([1, None], "found the float 1"),
        ([1, -5], "row 2, column 'root_id': found -5; ids are integers from 0"),
        ([1, 2**64], "ids are integers from 0 to 2"),
        (["1", "x"], "row 2, column 'root_id': found 'x'; ids are integers"),
        ([1, "x"], "mixes types"),
        ([True, False], "found bool; ids are integers"),
    ],
)
def test_ids_that_are_none(read: Read, ids: list[object], message: str) -> None:
    with pytest.raises((IdError, SchemaError), match=message) as error:
        read(pd.DataFrame({"root_id": ids}), "neurons")
    assert "<DataFrame>" in str(error.value)


def test_nullable_integers_keep_their_digits_and_name_the_empty_row(read: Read) -> None:
    frame = pd.DataFrame({"root_id": pd.array([A, None], dtype="Int64")})
    with pytest.raises(SchemaError, match="row 2, column 'root_id': the cell is empty"):
        read(frame, "neurons")
    assert read(frame.iloc[:1], "neurons")["root_id"].to_pylist() == [A]


def test_columns_that_occur_twice_and_points_of_two_numbers(read: Read) -> None:
    frame = pd.DataFrame([[1, 2]], columns=["root_id", "root_id"])
    with pytest.raises(SchemaError, match="the column 'root_id' occurs twice"):
        read(frame, "neurons")
    frame = pd.DataFrame({"pt_root_id": [1, 2], "pt_position": [[1, 2, 3], [1, 2]]})
    with pytest.raises(SchemaError, match=r"row 2, column 'pt_position': found \[1, 2\]; wanted three numbers"):
        read(frame, "neurons", columns="cave", resolution="4,4,40")


def test_what_is_no_table(read: Read) -> None:
    with pytest.raises(ReadError, match="<dict>: nobody reads this. Wanted tables in memory"):
        read({"root_id": [1]}, "neurons")


def test_python_objects_keep_every_digit(read: Read) -> None:
    ids = pd.DataFrame({"root_id": [2**63 + 1, 5], "sv": [2**63 + 5, None], "share": [BIG, 0.5]}, dtype=object)
    assert read(ids, "neurons").to_pylist() == [
        {"root_id": 2**63 + 1, "sv": 2**63 + 5, "share": str(BIG)},
        {"root_id": 5, "sv": None, "share": "0.5"},
    ]


BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"root_id": [5, "7"]}, dtype=object), "'root_id' mixes types: int, str"),
        (pd.DataFrame({"root_id": [1, 2], "x": [5, "a"]}), "'x' mixes types: int, str"),
        (pd.DataFrame({"root_id": [1, 2], "x": [True, "a"]}), "'x' mixes types: bool, str"),
        (pd.DataFrame([[1, 2, 3]], columns=["root_id", "x", "x"]), "the column 'x' occurs twice"),
        (pa.table([[1], [2], [3]], names=["root_id", "x", "x"]), "the column 'x' occurs twice"),
        (pd.DataFrame({"root_id": [2**64, 1]}, dtype=object), "ids are integers from 0 to 2"),
    ],
)
def test_frames_that_are_none(read: Read, frame: object, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        read(frame, "neurons")


def test_nan_of_a_further_column_is_null(read: Read) -> None:
    for frame in (
        pl.DataFrame({"root_id": [1, 2], "x": [float("nan"), 0.5]}),
        pa.table({"root_id": [1, 2], "x": [float("nan"), 0.5]}),
        pd.DataFrame({"root_id": [1, 2], "x": [float("nan"), 0.5]}),
    ):
        assert read(frame, "neurons")["x"].to_pylist() == [None, 0.5]


def test_names_and_labels_are_trimmed_and_composed(read: Read) -> None:
    frame = pa.table({"name": [" AVAL ", "Mu\u0308ller"], "cell_type": ["a\t", " "], "lab": [" x", "e\u0301"]})
    assert read(frame, "neurons").select(["name", "cell_type", "lab"]).to_pylist() == [
        {"name": "AVAL", "cell_type": "a", "lab": "x"},
        {"name": "M\u00fcller", "cell_type": None, "lab": "e\u0301"},
    ]
