"""A folder seen through views: never written, and closed when the folder behind it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphlab import Graph
from graphlab.store.live.history import SeenFolder
from ingest.schema.errors import StoreError


def test_what_is_seen_is_not_written_and_closes_with_the_whole(tmp_path: Path) -> None:
    graph = Graph.create(tmp_path / "g", dataset="three")
    rows = {"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [4.0, 1.0]}
    graph.ingest(pd.DataFrame(rows), as_="connections")
    views = [graph.subset([1, 2]), Graph(SeenFolder(graph.folder))]
    assert [len(view.connections()) for view in views] == [1, 2]
    for view in views:
        assert "three" in repr(view)
        with pytest.raises(StoreError, match="which is only read"):
            view.describe(dataset="other")
        view.close()
        assert "three" in repr(view), "the graph itself stays open"
    graph.close()
    for view in views:
        assert repr(view) == "<Graph g: closed>"
        with pytest.raises(StoreError, match="is closed"):
            view.connections()
