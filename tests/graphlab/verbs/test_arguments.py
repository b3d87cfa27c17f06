"""Every verb of a graph refuses plain arguments of another kind with one sentence, before any work."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getattr_static, signature
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from graphlab import Graph
from graphlab.verbs.arguments import KINDS, checks_of
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import AnalysisError

WRONG: dict[str, list[Any]] = {
    "int": [1.5, 2.0, True, "3", float("nan"), np.float64(2.0)],
    "float": [float("nan"), "0.5", False, None],
    "bool": ["no", 1, 0.0],
    "str": [3, b"chemical", ["chemical"]],
}
RIGHT: dict[str, list[Any]] = {
    "int": [1, np.int32(2), np.uint64(3)],
    "float": [1, 0.5, np.float32(0.5), float("inf")],
    "bool": [True, np.bool_(False)],
    "str": ["a", np.str_("b")],
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph.create(tmp_path_factory.mktemp("asked") / "g") as made:
        yield made


def verbs_of(one: OpenGraph) -> Iterator[tuple[OpenGraph, str]]:
    """Every public verb of an object, and of the namespaces it makes."""
    for name in dir(type(one)):
        value = getattr_static(type(one), name)
        if name.startswith("_"):
            continue
        if isinstance(value, FunctionType) and hasattr(value, "__wrapped__"):
            yield one, name
        elif isinstance(made := getattr(one, name), OpenGraph) and not isinstance(made, Graph):
            yield from verbs_of(made)


def test_every_plain_argument_of_every_verb(graph: Graph) -> None:
    tried = 0
    for one, name in verbs_of(graph):
        verb = getattr(one, name)
        required = {
            parameter.name: None
            for parameter in signature(verb).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        }
        for argument, (_, wanted) in checks_of(verb).items():
            annotation = str(signature(verb).parameters[argument].annotation)
            for wrong in WRONG[annotation.partition(" | ")[0]]:
                if wrong is None and annotation.endswith("None"):
                    continue
                others = {key: value for key, value in required.items() if key not in checks_of(verb)}
                with pytest.raises(AnalysisError) as told:
                    verb(**{**others, argument: wrong})
                assert str(told.value) == f"{argument} is {wrong!r}; wanted {wanted}", (name, argument)
                tried += 1
    assert tried > 500


def test_by_place_as_by_name(graph: Graph) -> None:
    with pytest.raises(AnalysisError, match="hops is 1.5; wanted a whole number"):
        graph.neighborhood(1, 1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(KINDS))
def test_numbers_of_numpy_are_numbers(kind: str) -> None:
    check, _ = KINDS[kind]
    assert all(check(value) for value in RIGHT[kind])
    assert not any(check(value) for value in WRONG[kind])
