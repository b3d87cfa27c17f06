"""Questions in Python: what `find` takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.errors import SchemaError


def test_find_names_query_for_texts(tmp_path: Path) -> None:
    pairs = pa.table({"pre_name": ["a", "b"], "post_name": ["b", "a"], "weight": [1.0, 2.0]})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pairs, as_="connections")
        find = cast("Callable[[Any], Any]", graph.find)
        with pytest.raises(SchemaError, match="find: found str; wanted a queries.pattern.Pattern.*query"):
            find("A -> B")
