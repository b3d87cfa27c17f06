"""Other people's columns: dialects, OURS=THEIRS, positions, and what is said when nothing fits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ingest.columns import DIALECTS, SAME_AS, Plan, plan
from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.words import TABLES


def planned(names: str, as_: str, columns: str | Mapping[str, str] | None = None) -> Plan:
    return plan(names.split(), ReadRequest(as_, columns=columns), "a.csv")


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
    ],
)
def test_dialects(dialect: str | None, as_: str, names: str, wanted: str) -> None:
    found = planned(names, as_, dialect)
    assert set(found.ours.values()) == set(wanted.split()) - {"-"}
    assert found.extras == {}


def test_every_dialect_speaks_our_words() -> None:
    for dialect, tables in DIALECTS.items():
        for as_, words in tables.items():
            known = {*TABLES[as_].names(), "position", "x_vx", "y_vx", "z_vx", "pre_name", "post_name"}
            assert set(words) <= known, (dialect, as_)
    assert set(SAME_AS.values()) <= set(DIALECTS)


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
