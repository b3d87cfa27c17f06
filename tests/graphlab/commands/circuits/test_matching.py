"""``graphlab match``: what is typed reaches the verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab import Graph


@pytest.fixture
def made(tmp_path: Path) -> Path:
    neurons = pd.DataFrame({"root_id": [1, 2, 3, 11, 12, 13], "side": ["left"] * 3 + ["right"] * 3})
    pairs = pd.DataFrame(
        {"pre_root_id": [1, 2, 11, 12], "post_root_id": [2, 3, 12, 13], "weight": [9.0, 4.0, 9.0, 4.0]}
    )
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(pairs, as_="connections")
    return tmp_path / "g"


def test_match(made: Path, document: Callable[..., Any], refusal: Callable[..., str]) -> None:
    found = document("match", made, "--first", "side=left", "--second", "side=right", "--starts", "1", "--no-progress")
    assert {(row["root_id"], row["partner_root_id"]) for row in found["rows"]} == {
        ("1", "11"),
        ("2", "12"),
        ("3", "13"),
    }
    assert "in first and in second" in refusal("match", made, "--first", "side=left", "--second", "1")
