"""``graphlab simulate``: what is typed reaches the verb, and what is wrong is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab import Graph

BRIEF = ["--signs", "shiu", "--duration-ms", "60", "--trials", "2", "--no-progress"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("simulate") / "g"
    neurons = pd.DataFrame({"root_id": [1, 2, 3], "cell_type": ["a", "b", "c"], "nt_type": "ACH"})
    pairs = pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [300.0] * 2})
    with Graph.create(place) as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(pairs, as_="connections")
    return place


def test_each_verb_answers(made: Path, document: Callable[..., Any], tmp_path: Path) -> None:
    found = document("simulate", "spikes", made, "--activate", "1", "--neuron", "synapse_mv=0.3", *BRIEF)
    assert {row["root_id"] for row in found["rows"]} == {"1", "2", "3"}
    assert found["trials"] == 2
    times = tmp_path / "times.csv"
    times.write_text("root_id,time_ms\n1,0\n1,10\n")
    found = document("simulate", "spikes", made, "--spike-times", times, "--signs", "shiu", "--no-progress")
    driven = next(row for row in found["rows"] if row["root_id"] == "1")
    assert driven == {
        "root_id": "1", "role": "driven", "spikes": 2, "rate_hz": 2.0, "sd_hz": None, "trials_active": 1
    }  # fmt: skip
    found = document(
        "simulate", "doses", made, "--activate", "1", "--read", "cell_type=c", "--drive-hz", "20,200", *BRIEF
    )
    assert [row["drive_hz"] for row in found["rows"]] == [20, 200]
    found = document("simulate", "silencing", made, "--activate", "1", "--read", "3", "--candidate", "2", *BRIEF)
    assert found["rows"][0]["share"] == 1
    found = document("simulate", "rates", made, "--activate", "1", "--signs", "shiu")
    assert sorted(row["peak_step"] for row in found["rows"])[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["spikes", "--activate", "1"], "name a policy of signs"),
        (["spikes", "--activate", "1", "--signs", "shiu", "--neuron", "synapse_mv"], "wanted NAME=NUMBER"),
        (["spikes", "--spike-times", "nowhere.csv", "--signs", "shiu"], "cannot be read"),
        (["doses", "--activate", "1", "--read", "3", "--drive-hz", "a,b", "--signs", "shiu"], "wanted numbers"),
    ],
)
def test_what_is_wrong_is_one_line(made: Path, refusal: Callable[..., str], words: list[str], message: str) -> None:
    assert message in refusal("simulate", words[0], made, *words[1:])


@pytest.mark.parametrize(
    ("text", "message"),
    [("id,time\n1,2\n", "wanted root_id and time_ms"), ("root_id,time_ms\n1,0\n1.5,2\n", "line 3"), ("", "of nothing")],
)
def test_spike_times_that_are_no_table_are_refused(
    made: Path, refusal: Callable[..., str], tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "times.csv"
    path.write_text(text)
    assert message in refusal("simulate", "spikes", made, "--spike-times", path, "--signs", "shiu")
