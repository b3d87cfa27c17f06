"""Other people's columns: dialects, OURS=THEIRS, positions, and what is said when nothing fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ingest.columns import ColumnMapping, column_mapping, said
from ingest.dialects import DIALECTS, SYNONYMS
from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.words import TABLES


def planned(names: str, as_: str, columns: str | Mapping[str, str] | None = None) -> ColumnMapping:
    return column_mapping(names.split(), ReadRequest(as_, columns=columns), "a.csv")


@pytest.mark.parametrize(
    ("dialect", "as_", "names", "wanted"),
    [
        (None, "connections", "pre_root_id post_root_id weight", "pre_root_id post_root_id weight"),
        ("cave", "neurons", "pt_root_id cell_type", "pt_root_id - cell_type"),
        ("cave", "synapses", "id pre_pt_root_id post_pt_root_id size", "pre_pt_root_id post_pt_root_id id size"),
        ("cave", "connections", "pre_pt_root_id post_pt_root_id n_syn", "pre_pt_root_id post_pt_root_id n_syn"),
        (
            "flywire",
            "connections",
            "pre_pt_root_id post_pt_root_id neuropil syn_count",
            "pre_pt_root_id post_pt_root_id syn_count neuropil",
        ),
        (
            "codex",
            "connections",
            "pre_root_id post_root_id neuropil syn_count nt_type",
            "pre_root_id post_root_id syn_count neuropil nt_type",
        ),
        (
            "codex",
            "neurons",
            "root_id primary_type super_class side nt_type nt_type_score",
            "root_id primary_type super_class side nt_type nt_type_score",
        ),
        ("flywire", "connections", "pre post weight", "pre post weight"),
        (
            "neuprint",
            "neurons",
            "bodyId instance type somaSide predictedNt",
            "bodyId instance type somaSide predictedNt",
        ),
        ("neuprint", "connections", "bodyId_pre bodyId_post weight roi", "bodyId_pre bodyId_post weight roi"),
        ("witvliet", "synapses", "pre post syn_id size", "pre post syn_id size"),
        ("flyem", "connections", "body_pre body_post weight", "body_pre body_post weight"),
        ("flyem", "neurons", "bodyId type superclass somaSide instance", "bodyId type superclass somaSide instance"),
        ("flyem", "neurons", "body consensus_nt", "body consensus_nt"),
        ("banc", "neurons", "banc_746_id cell_type side", "banc_746_id cell_type side"),
        ("banc", "neurons", "malecns_09_id neurotransmitter_predicted", "malecns_09_id neurotransmitter_predicted"),
        ("banc", "connections", "pre post count", "pre post count"),
        (
            "banc",
            "synapses",
            "pre post x y z cleft_scores connector_id size neuropil",
            "pre post x y z cleft_scores connector_id size neuropil",
        ),
        (None, "neurons", "node_id cell_type neurotransmitter", "node_id cell_type neurotransmitter"),
        (None, "connections", "source_id target_id synapse_weight", "source_id target_id synapse_weight"),
    ],
)
def test_dialects(dialect: str | None, as_: str, names: str, wanted: str) -> None:
    found = planned(names, as_, dialect)
    assert set(found.ours.values()) == set(wanted.split()) - {"-"}
    assert found.extras == {}


def test_every_dialect_speaks_our_words() -> None:
    spoken = [(name, as_, words) for name, found in DIALECTS.items() for as_, words in found.tables.items()]
    for dialect, as_, words in [*spoken, *(("synonyms", as_, words) for as_, words in SYNONYMS.items())]:
        known = {*TABLES[as_].names(), "position", "x_vx", "y_vx", "z_vx", "pre_name", "post_name"}
        assert set(words) <= known, (dialect, as_)


def test_ours_and_theirs() -> None:
    found = planned(
        "source target n type", "connections", {"pre_root_id": "source", "post_root_id": "target", "weight": "n"}
    )
    assert found.ours == {"pre_root_id": "source", "post_root_id": "target", "weight": "n"}
    assert found.extras == {"type": "type"}
    named = planned("a b n", "connections", {"pre_name": "a", "post_name": "b", "weight": "n"})
    assert named.ours["pre_name"] == "a"
    with pytest.raises(UnknownNameError, match="unknown column of connections 'wieght'; did you mean 'weight'"):
        planned("a b n", "connections", {"wieght": "n"})
    with pytest.raises(SchemaError, match="a.csv has no column 'sorce'; did you mean 'source'"):
        planned("source target n", "connections", {"pre_root_id": "sorce"})
    with pytest.raises(UnknownNameError, match="columns dialect 'neuprnt'; did you mean 'neuprint'"):
        planned("a b n", "connections", "neuprnt")


def test_a_foreign_column_never_takes_our_word() -> None:
    """`pre` and `post` count sites in neuPrint; a source's own `cell_type` beside a mapped one keeps another name."""
    found = planned("root_id fine cell_type", "neurons", {"cell_type": "fine"})
    assert found.ours["cell_type"] == "fine"
    assert found.extras == {"cell_type": "cell_type_source"}
    counts = planned("bodyId pre post upstream downstream", "neurons", "neuprint")
    assert counts.ours["total_in"] == "upstream"
    assert set(counts.extras) == {"pre", "post"}


def test_positions() -> None:
    assert planned("pt_root_id pt_position", "neurons", "cave").position == ("pt_position",)
    split = planned("pt_root_id pt_position_x pt_position_y pt_position_z", "neurons", "cave")
    assert split.position == ("pt_position_x", "pt_position_y", "pt_position_z")
    assert planned("root_id x_vx y_vx z_vx", "neurons").position == ("x_vx", "y_vx", "z_vx")
    assert planned("root_id x_vx y_vx", "neurons").position == ()
    assert planned("root_id x_nm y_nm z_nm x_vx y_vx z_vx", "neurons").position == ()
    assert planned("bodyId x y z", "neurons", {"root_id": "bodyId", "position": "x"}).position == ("x",)
    fafbseg = planned("pre post pre_x pre_y pre_z post_x", "synapses", "flywire")
    assert fafbseg.position == ("pre_x", "pre_y", "pre_z")
    assert fafbseg.ours == {"pre_root_id": "pre", "post_root_id": "post"}


@pytest.mark.parametrize(
    ("names", "as_", "message"),
    [
        ("pre_pt_root_id post_pt_root_id n_syn", "connections", "These look like cave columns: say --columns cave"),
        ("bodyId type", "neurons", "These look like neuprint columns"),
        ("dataset pre post syn_id sections size", "synapses", "These look like witvliet columns"),
        ("pre_rootid post_root_id weight", "connections", "did you mean 'pre_rootid'"),
        ("pre_root_id post_root_id", "connections", "A file of single synapses is ingested --as synapses"),
        ("1 2 3", "connections", "The first line is data: say --no-header"),
        ("a b c", "neurons", "neurons need the column root_id; found a, b, c. Name them with --columns OURS=THEIRS"),
        ("", "neurons", "found no columns"),
    ],
)
def test_what_is_missing(names: str, as_: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        planned(names, as_)


@pytest.mark.parametrize(
    ("columns", "preset", "named"),
    [
        (None, None, {}),
        ("cave", "cave", {}),
        ("cave,x_nm=ctr_pt_x_nm", "cave", {"x_nm": "ctr_pt_x_nm"}),
        ("weight=n , cave", "cave", {"weight": "n"}),
        ("weight=n,size=v", None, {"weight": "n", "size": "v"}),
        ({"weight": "n"}, None, {"weight": "n"}),
    ],
)
def test_a_preset_and_pairs(columns: str | Mapping[str, str] | None, preset: str, named: dict[str, str]) -> None:
    assert said(columns) == (preset, named)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("cave,flywire", "names two presets, cave and flywire"),
        ("weight=n,weight=m", "names a column for weight twice: 'n' and 'm'"),
        ("cave,weight=", "found 'weight='; wanted a preset"),
        ("cave,", "found ''; wanted a preset"),
        ("=n", "found '=n'"),
    ],
)
def test_columns_that_say_nothing(columns: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        said(columns)


def test_pairs_win_over_the_preset() -> None:
    names = "id pre_pt_root_id post_pt_root_id size volume ctr_pt_position ctr_pt_x_nm ctr_pt_y_nm ctr_pt_z_nm"
    found = planned(names, "synapses", "cave,size=volume,y_nm=ctr_pt_z_nm")
    assert found.ours["size"] == "volume"
    assert found.ours["y_nm"] == "ctr_pt_z_nm"
    assert found.extras["size"] == "size_source"
    with pytest.raises(UnknownNameError, match="columns dialect 'cvae'; did you mean 'cave'"):
        planned(names, "synapses", "cvae,size=volume")
    voxels = planned("pre post x y z px py pz", "synapses", "banc,x_vx=px,y_vx=py,z_vx=pz")
    assert voxels.position == ("px", "py", "pz")
    assert not {"x_nm", "y_nm", "z_nm"} & set(voxels.ours)
    stem = planned("bodyId somaLocation tip_x tip_y tip_z", "neurons", "flyem,position=tip")
    assert (stem.position, stem.voxels) == (("tip_x", "tip_y", "tip_z"), None), "these may be in another unit"
    by_name = planned("pre_root_id from to weight", "connections", "cave,pre_name=from,post_name=to")
    assert {"pre_root_id", "post_root_id"}.isdisjoint(by_name.ours)


def test_own_names_come_before_synonyms() -> None:
    found = planned("root_id node_id neurotransmitter", "neurons")
    assert found.ours == {"root_id": "root_id", "nt_type": "neurotransmitter"}
    assert found.extras == {"node_id": "node_id"}
    assert "neurotransmitter read as nt_type" in found.notes


@pytest.mark.parametrize(
    ("names", "columns", "message"),
    [
        ("banc_626_id banc_746_id type", "banc", "each of banc_626_id, banc_746_id may be root_id; say which with "
         "--columns banc,root_id=banc_626_id"),
        ("root_id root_783 type", "flywire", "each of root_id, root_783 may be root_id"),
        ("bodyId body type", "flyem", "each of bodyId, body may be root_id"),
        ("node_id neuron_id", None, "each of node_id, neuron_id may be root_id; say which with --columns root_id="),
    ],
)  # fmt: skip
def test_several_id_columns(names: str, columns: str | None, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        planned(names, "neurons", columns)
    last = names.split()[1]
    chosen = planned(names, "neurons", f"{columns},root_id={last}" if columns else f"root_id={last}")
    assert chosen.ours["root_id"] == last


@pytest.mark.parametrize(
    ("names", "as_", "wrong", "right"),
    [
        ("body_pre body_post weight", "connections", "cave", "flyem"),
        ("pre post count norm", "connections", "codex", "banc"),
        ("bodyId type somaLocation", "neurons", "banc", "neuprint"),
        ("banc_746_id cell_type", "neurons", "flywire", "banc"),
        ("pre_x pre_root_id_720575940 post_root_id_720575940", "synapses", "flyem", "codex"),
        ("bodyId_pre bodyId_post weight", "connections", "flyem", "neuprint"),
    ],
)
def test_a_preset_that_does_not_fit_names_the_one_that_does(names: str, as_: str, wrong: str, right: str) -> None:
    with pytest.raises(SchemaError, match=f"These look like {right} columns: say --columns {right}"):
        planned(names, as_, wrong)
    planned(names, as_, right)


def test_unread_positions_are_named() -> None:
    names = "bodyId somaLocation rootLocation pos_x soma_radius root_side cell_class status x z_score pt_supervoxel_id"
    (note,) = planned(names, "neurons", "neuprint").notes
    assert note.startswith("columns that look like positions and are not read as such: rootLocation, pos_x, x (")
    assert planned("pre_root_id post_root_id weight x", "connections").notes == ()


def test_a_split_edge_list_loses_what_holds_for_one_row() -> None:
    names = "pre pre_label post post_label count norm compartment_input total_input"
    found = planned(names, "connections", "banc")
    assert found.left_out == ("norm", "compartment_input")
    assert (found.ours["pre_compartment"], found.ours["post_compartment"]) == ("pre_label", "post_label")
    assert found.extras == {"total_input": "total_input"}
    assert found.notes[1].endswith("of a pair that compartments split: norm, compartment_input")
    with pytest.raises(SchemaError, match="norm divides each count by the input of one compartment"):
        planned(names, "connections", "banc,weight=norm")
    simple = planned("pre post count norm total_input", "connections", "banc")
    assert set(simple.extras) == {"norm", "total_input"}


def test_synapses_of_one_neuron() -> None:
    names = "connector_id node_id type x y z roi confidence"
    found = column_mapping(names.split(), ReadRequest("synapses", columns="navis"), "/here/1734350788.csv.gz")
    assert (found.one_sided, found.owner, found.position) == ("type", "1734350788", ("x", "y", "z"))
    by_column = planned(f"{names} bodyId", "synapses", "navis")
    assert (by_column.owner, "bodyId" in by_column.extras) == ("bodyId", False)
    with pytest.raises(
        SchemaError, match="a.csv: whose synapses are these. Name the file by the root id of its neuron"
    ):
        planned(names, "synapses", "navis")
    with pytest.raises(SchemaError, match="neurons need the column root_id"):
        planned("type x y z", "neurons", "navis")


def test_a_place_that_is_named_is_read_or_refused() -> None:
    mixed = planned("root_id cx y_vx z_vx", "neurons", {"x_vx": "cx"})
    assert mixed.position == ("cx", "y_vx", "z_vx")
    every = planned("root_id a b c", "neurons", {"x_vx": "a", "y_vx": "b", "z_vx": "c"})
    assert every.position == ("a", "b", "c")


@pytest.mark.parametrize(
    ("names", "as_", "columns"),
    [
        ("root_id a b", "neurons", {"x_vx": "a", "y_vx": "b"}),
        ("bodyId type x y z", "neurons", "neuprint,x_vx=x"),
        ("root_id x_nm y_nm z_nm a b c", "neurons", {"x_nm": "x_nm", "x_vx": "a", "y_vx": "b", "z_vx": "c"}),
        ("pre_root_id post_root_id weight at", "connections", {"position": "at"}),
    ],
)
def test_half_a_place(names: str, as_: str, columns: Any) -> None:
    with pytest.raises(SchemaError, match=f"gives no place of {as_}; wanted position, or all of x_vx, y_vx, z_vx"):
        planned(names, as_, columns)


@pytest.mark.parametrize("columns", [None, "cave", "witvliet"])
def test_hints_speak_of_what_is_missing_only(columns: str | None) -> None:
    """Whose synapses they are is asked of nobody who did not say that they are one-sided."""
    with pytest.raises(SchemaError, match="synapses need the column"):
        planned("from to type", "synapses", columns)
