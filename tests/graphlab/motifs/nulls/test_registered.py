"""Null models by name: of wiring, of weights, of other packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphlab.motifs.nulls.models import NullOptions, default_null
from graphlab.motifs.nulls.registered import (
    null_model,
    null_names,
    null_sentence,
    null_version,
    weight_null,
    weight_null_names,
)
from ingest.schema.errors import UnknownNameError


def test_unknown_null_and_defaults() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reciprocal'"):
        null_model("reciprocl")
    assert null_names()[:7] == ["configuration", "reciprocal", "block", "spatial", "er", "dyad", "triads"]
    assert [default_null(size) for size in (2, 3, 4)] == ["configuration", "reciprocal", "reciprocal"]


def test_nulls_of_weights_are_none_of_wiring() -> None:
    assert weight_null_names() == ["weights", "weights-pre", "weights-types"]
    with pytest.raises(UnknownNameError, match="unknown null model 'weights'"):
        null_model("weights")
    with pytest.raises(UnknownNameError, match="unknown weight null 'reciprocal'; known: weights, weights-pre"):
        weight_null("reciprocal")


def test_the_package_that_a_null_comes_from_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version is part of what saved samples are found by, so that an update draws anew."""
    info = tmp_path / "acme_typed-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-typed\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[graphlab.null_models]\ntyped = acme_typed:NULL\n")
    (tmp_path / "acme_typed.py").write_text(
        "from graphlab.motifs.nulls.models import NullModel\n\n\n"
        "class Typed(NullModel):\n    name, needs, keeps = 'typed', frozenset(), frozenset()\n\n"
        "    def sentence(self, options):\n        return 'Null typed.'\n\n\nNULL = Typed()\n"
    )
    before = null_version("reciprocal")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert null_names()[-1] == "typed"
    assert null_version("reciprocal") == before
    assert null_version("typed") == f"{before}, acme-typed 1.2"
    assert null_sentence(null_model("typed"), NullOptions()) == "Null typed. The null comes from acme-typed 1.2."
    assert "comes from" not in null_sentence(null_model("reciprocal"), NullOptions())
