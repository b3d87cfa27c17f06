"""Limits of the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graphlab.config import DuckDBSettings, memory_of_container
from ingest.schema.errors import SchemaError


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 << 30), ("300 MB", 300 << 20), ("none", sys.maxsize), ("-1", sys.maxsize)]
)
def test_memory_is_a_size(text: str, size: int) -> None:
    assert DuckDBSettings(text).memory_bytes == size


def test_a_share_is_of_the_memory_of_the_machine() -> None:
    assert 1 << 20 < DuckDBSettings("50%").memory_bytes == DuckDBSettings("100%").memory_bytes // 2


@pytest.mark.parametrize("text", ["much", "%", "..5%"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="GRAPHLAB_MEMORY"):
        _ = DuckDBSettings(text).memory_bytes


def _limited(folder: Path, groups: str, limits: dict[str, str]) -> str:
    (folder / "cgroup").write_text(groups)
    for name, limit in limits.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(limit)
    return memory_of_container(folder / "cgroup", folder)


@pytest.mark.parametrize(
    ("groups", "limits", "wanted"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "419430400\n"}, "100MiB"),
        ("0::/not/seen\n", {"memory.max": "419430400\n"}, "100MiB"),
        ("0::/\n", {"memory.max": "68719476736\n"}, "4GB"),
        ("5:memory:/j\n0::/\n", {"memory/j/memory.limit_in_bytes": "1073741824\n"}, "256MiB"),
        ("4:cpu,memory:/j\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, "4GB"),
        ("0::/\n", {}, "4GB"),
    ],
)
def test_a_container_is_given_a_quarter_of_its_memory(
    tmp_path: Path, groups: str, limits: dict[str, str], wanted: str
) -> None:
    assert _limited(tmp_path, groups, limits) == wanted
    assert DuckDBSettings(wanted).memory_bytes <= 4 << 30


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHLAB_MEMORY", "123MB")
    assert DuckDBSettings.from_environment().memory == "123MB"
    assert memory_of_container(tmp_path / "none", tmp_path) == "4GB"
