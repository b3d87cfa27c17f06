"""What people see: ids that can be copied, whatever the width."""

from __future__ import annotations

import pyarrow as pa
import pytest

from graphlab.commands.terminal import print_table
from queries.result import Result


def test_an_id_is_never_folded_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    ids = {f"id_{at}": pa.array([2**64 - 1 - at], pa.uint64()) for at in range(12)}
    texts = {f"text_{at}": ["a longer text that may well be folded over several lines"] for at in range(4)}
    print_table(pa.table({**ids, **texts}))
    shown = capsys.readouterr().out
    for at in range(12):
        assert str(2**64 - 1 - at) in shown
        assert f"id_{at}" in shown
    assert max(map(len, shown.splitlines())) < 400


def test_a_table_without_rows_shows_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(pa.table({"root_id": pa.array([], pa.uint64())}))
    assert "root_id" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12345678.0, "12345678"), (12345678.25, "12345678.25"), (1234567890123.0, "1234567890123"), (3.0, "3"),
     (0.123456789, "0.123457"), (123456.5, "123456.5"), (-2500000.0, "-2500000"), (1e300, "1e+300")],
)  # fmt: skip
def test_counts_and_sums_have_all_their_digits(capsys: pytest.CaptureFixture[str], value: float, shown: str) -> None:
    print_table(pa.table({"total": [value]}))
    assert shown in capsys.readouterr().out.replace("│", " ").split()
    assert shown in repr(Result(pa.table({"total": [value]}))).split()


def printed(table: pa.Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int) -> str:
    import sys

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_table(table, limit=2)
    return capsys.readouterr().out


def test_a_narrow_terminal_gets_records(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ids = {f"id_{at}": pa.array([2**64 - 1 - at] * 3, pa.uint64()) for at in range(4)}
    table = pa.table({**ids, "note": ["x", None, "z"]})
    shown = printed(table, monkeypatch, capsys, 60)
    assert all(f"id_{at}  {2**64 - 1 - at}\n" in shown for at in range(4))
    assert "note  -\n" in shown
    assert "... 1 more rows" in shown
    wide = printed(table, monkeypatch, capsys, 160)
    assert f"{2**64 - 1} " in wide
    assert "id_0  1" not in wide


def test_nothing_is_blank_and_links_stand_alone(capsys: pytest.CaptureFixture[str]) -> None:
    links = ["https://example.org/#!%7B" + "x" * 500, None]
    print_table(pa.table({"root_id": [1, 2], "name": [None, ""], "link": links}))
    lines = capsys.readouterr().out.splitlines()
    assert links[0] in lines
    assert sum(line.count(" - ") for line in lines) == 2
    assert max(len(line) for line in lines if line != links[0]) <= 200
