"""What DuckDB and compiled kernels make of Ctrl-C is told from a failure; nothing of its own is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from graphlab.store.database import was_interrupted


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), True),
        (RuntimeError("Query interrupted"), True),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), True),
        (chained(SystemError("a result with an exception set"), KeyboardInterrupt()), True),
        (SystemError("something else"), False),
        (RuntimeError("Query failed"), False),
        (OSError("disk"), False),
        (None, False),
    ],
)
def test_what_was_ctrl_c(error: BaseException | None, said: bool) -> None:
    assert was_interrupted(error) is said


INTERACTIVE = """
import sys
from graphlab.graph import Graph
from ingest.tables import delimited
setting = "SELECT current_setting('enable_progress_bar')"
with Graph.create(sys.argv[1]) as graph:
    text = delimited._database(0)
    connections = [graph.folder.connection, graph.folder.cursor(), text, text.cursor()]
    print([connection.execute(setting).fetchone() for connection in connections])
"""


def test_no_bar_is_drawn_into_standard_output(tmp_path: Path) -> None:
    """Where there is no script, DuckDB would draw one after two seconds."""
    command = [sys.executable, "-c", INTERACTIVE, str(tmp_path / "g")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{[(False,)] * 4}\n"
