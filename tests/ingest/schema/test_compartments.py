"""Words for compartments, and what people may say to choose some."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ingest.schema.compartments import CLASSES, DENDRITES, compartment_pairs, our_compartments
from ingest.schema.errors import SchemaError, UnknownNameError


def test_labels_become_our_words() -> None:
    read_as: dict[str, str] = {}
    theirs = pa.array(["axon", "Axonal", None, "NA", "unknown", "primary dendrite", "cell body tract", " linker"])
    ours = our_compartments(theirs, read_as).to_pylist()
    assert ours == ["axon", "axon", None, None, None, "primary_dendrite", "cell body tract", "linker"]
    assert read_as == {
        "Axonal": "axon",
        "NA": "unknown",
        "primary dendrite": "primary_dendrite",
        " linker": "linker",
    }


def test_classes_are_all_pairs_of_three() -> None:
    assert len(set(CLASSES)) == 9
    assert {"axo-dendritic", "axo-axonic", "dendro-dendritic", "dendro-axonic", "axo-somatic"} <= {*CLASSES}
    (one,) = compartment_pairs("Axo_dendritic")
    assert (one.name, one.pre, one.post) == ("axo-dendritic", ("axon",), DENDRITES)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("axo-axonic, axo-dendritic,axo-axonic", ["axo-axonic", "axo-dendritic"]),
        (["dendro-axonic"], ["dendro-axonic"]),
        ("Axons -> primary dendrite", ["axon->primary_dendrite"]),
        ("*->NA", ["*->unknown"]),
        (["a, b->c"], ["a, b->c"]),
    ],
)
def test_what_may_be_said(said: str | list[str], names: list[str]) -> None:
    assert [pair.name for pair in compartment_pairs(said)] == names


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("axo-dentritic", UnknownNameError, "did you mean 'axo-dendritic'"),
        ("axon", UnknownNameError, "unknown compartment 'axon'"),
        ("", SchemaError, "no compartment was named; wanted axo-axonic, axo-dendritic"),
        ([], SchemaError, "no compartment was named"),
        ("axon->", SchemaError, "wanted a label on either side, such as axon->soma"),
    ],
)
def test_what_is_refused(said: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compartment_pairs(said)
