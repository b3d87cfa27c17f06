"""Wrong choices: one message with the nearest, exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("correlate", "g", "--what", "tunning"), "'--what': unknown choice 'tunning'; did you mean 'tuning'?"),
        (
            ("query", "g", "A -> B", "--engine", "duckdbb"),
            "'--engine': unknown choice 'duckdbb'; did you mean 'duckdb'?",
        ),
        (("ingest", "g", "f.csv", "--as", "neurones"), "'--as': unknown choice 'neurones'; did you mean 'neurons'?"),
        (("mine", "g", "--split", "x"), "'--split': unknown choice 'x'; known: random, hemisphere"),
    ],
)
def test_a_wrong_choice_names_the_nearest(graphlab: Callable[..., Any], arguments: tuple[str, ...], told: str) -> None:
    done = graphlab(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Value error" not in done.stderr
    assert "Traceback" not in done.stderr
