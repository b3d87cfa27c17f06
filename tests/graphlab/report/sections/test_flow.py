"""The section of signal flow: types from up- to downstream, of the latest run on the data as they are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphlab.report import SECTIONS, Subject
from graphlab.report.page import Figures, Notes, Table
from graphlab.testing.toy import random_graph


def test_types_stand_in_the_order_of_their_levels(tmp_path: Path) -> None:
    with random_graph(tmp_path / "g", seed=0) as graph:
        section = SECTIONS.get("signal-flow")
        assert section.make(Subject(graph)) is None
        found = graph.circuits.signal_flow(min_weight=3)
        made = section.make(Subject(graph))
        assert made is not None
        figures, table, notes = made.blocks
        assert isinstance(figures, Figures)
        assert isinstance(table, Table)
        assert isinstance(notes, Notes)
        assert found.run_id in notes.notes[0]
        assert "pairs of at least 3" in notes.notes[0]
        levels = found.to_pandas()
        types = graph.to_arrow("neurons").to_pandas()[["root_id", "cell_type"]]
        main = levels[levels["component"] == 0].merge(types.astype({"root_id": "int64"}), on="root_id")
        median = main.groupby("cell_type")["flow"].median().sort_values(ascending=False)
        assert [row[0] for row in table.rows] == median.index.tolist()
        assert made.tables["signal_flow_by_type"]["median"].to_pylist() == pytest.approx(median.tolist())
        more = pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [1.0]})
        graph.ingest(more, as_="connections")
        assert section.make(Subject(graph)) is None, "the run is of other data"
