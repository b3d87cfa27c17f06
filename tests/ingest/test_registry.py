"""Names of one seam: taken once, suggested when misspelt, completed by other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from ingest import registry
from ingest.registry import Registry
from ingest.schema.errors import UnknownNameError


def test_names() -> None:
    found: Registry[int] = Registry("null model")
    assert found.register("block", 1) == 1
    found.register("reciprocal", 2)
    assert (found.names(), list(found), found.get("block")) == (
        ["block", "reciprocal"],
        [("block", 1), ("reciprocal", 2)],
        1,
    )
    with pytest.raises(ValueError, match="null model 'block' is registered twice"):
        found.register("block", 3)
    with pytest.raises(UnknownNameError, match="unknown null model 'recipocal'; did you mean 'reciprocal'"):
        found.get("recipocal")


def test_other_packages_are_asked_on_the_first_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def points(group: str) -> EntryPoints:
        asked.append(group)
        return EntryPoints([EntryPoint("pi", "math:pi", group), EntryPoint("own", "math:e", group)])

    monkeypatch.setattr(registry, "entry_points", points)
    found: Registry[float] = Registry("number", group="graphlab.numbers")
    found.register("own", 1.0)
    assert found.get("own") == 1.0
    assert asked == []
    assert found.get("pi") == pytest.approx(3.14159, abs=1e-4)
    assert found.names() == ["own", "pi"]
    assert found.get("own") == 1.0, "a package cannot replace a name of ours"
    assert asked == ["graphlab.numbers"]
