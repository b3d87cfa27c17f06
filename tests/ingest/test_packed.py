"""Packed files unpack to what was packed; cut or damaged ones are errors."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import packed
from ingest.packed import PACKED, bare_name, unpack, unpacked
from ingest.schema.errors import ReadError

DATA = bytes(range(256)) * 40


Pack = Callable[[bytes, str], bytes]


@pytest.mark.parametrize("ending", PACKED)
def test_every_kind_round_trips_and_no_cut_is_passed_over(ending: str, pack: Pack, tmp_path: Path) -> None:
    whole = pack(DATA, ending)
    (tmp_path / f"5{ending.upper()}").write_bytes(whole)
    assert unpacked(tmp_path / f"5{ending.upper()}") == DATA
    assert bare_name(f"5.swc{ending}") == "5.swc"
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        with pytest.raises(ReadError, match="does not unpack|is empty"):
            unpack(whole[:length], PACKED[ending], "5")
    with pytest.raises(ReadError, match="does not unpack"):
        unpack(b"no such file at all" * 3, PACKED[ending], "5")


def test_plain_files_stay_and_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "5").write_bytes(b"\x1f\x8bplain")
    assert unpacked(tmp_path / "5") == b"\x1f\x8bplain"
    assert bare_name(".gz") == ".gz"
    with pytest.raises(ReadError, match="No such file"):
        unpacked(tmp_path / "6")
    monkeypatch.setattr(packed, "LARGEST", 1000)
    with pytest.raises(ReadError, match="unpacks to more than 1,000 bytes"):
        unpack(gzip.compress(DATA), "gzip", "5")
