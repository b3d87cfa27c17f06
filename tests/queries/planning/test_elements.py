"""Labels, types, keys and properties of whole elements."""

from __future__ import annotations

from queries.engine import Source, run
from queries.ir.connectome import NEURONS, connectome
from queries.planning.elements import public_names


def test_each_property_has_one_public_name() -> None:
    visible = dict.fromkeys(("root_id", "cell_type", "name", "class", "super_class", "total_in", "x_nm"), "VARCHAR")
    assert public_names(NEURONS, visible) == {
        "bodyId": "root_id",
        "type": "cell_type",
        "instance": "name",
        "class": "class",
        "superclass": "super_class",
        "post": "total_in",
        "x_nm": "x_nm",
    }
    whole = public_names(NEURONS, {**visible, "y_nm": "DOUBLE", "z_nm": "DOUBLE"})
    assert "x_nm" not in whole  # somaLocation holds it


def test_the_name_of_the_data_set_stands_before_a_label() -> None:
    anything, named = connectome(), connectome(dataset="male-cns:v0.9")
    for label in ("hemibrain_Neuron", "HEMIBRAIN_segment", "x_Synapse"):
        assert anything.vertices_of(label) is not None, label
    for label in ("malecns_Neuron", "male-cns_Neuron", "male-cns:v0.9_Meta"):
        assert named.vertices_of(label) is not None, label
    for label in ("hemibrain_Neuron", "_Neuron", "male_Neuron", "malecns_Nothing"):
        assert named.vertices_of(label) is None, label


def test_labels_and_types_in_both_engines(toy: Source) -> None:
    text = "MATCH (a)-[e:{}]->(b) WHERE a:Neuron AND {} RETURN a.bodyId AS a, b.bodyId AS b ORDER BY a, b"
    for engine in ("duckdb", "csr"):
        told = run(text.format("ConnectsTo", "e:synapse"), toy, language="cypher", engine=engine).to_arrow()
        assert len(told) == 6
        none = run(text.format("ConnectsTo", "e:electrical"), toy, language="cypher", engine=engine).to_arrow()
        assert len(none) == 0
    kinds = run("MATCH (a)-[e:connection]->(b) RETURN type(e) AS t, count(*) AS c", toy, language="cypher").to_arrow()
    assert sorted(kinds.to_pylist(), key=str) == [{"t": "ConnectsTo", "c": 6}, {"t": "electrical", "c": 1}]
