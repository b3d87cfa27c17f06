"""What DuckDB and compiled kernels make of Ctrl-C is told from a failure."""

from __future__ import annotations

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
