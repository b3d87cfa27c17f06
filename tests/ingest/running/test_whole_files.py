"""Files that are whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.running import whole_files


def left_by(process: int, path: Path) -> Path:
    left = path.with_name(f".{path.name}.part-{process}-0123abcd")
    left.write_text("half")
    return left


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    whole_files.write_bytes(path, b"first")
    with whole_files.write_atomically(path) as new:
        new.write_bytes(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert [item.name for item in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ZeroDivisionError])
def test_after_an_error_the_earlier_one_is_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "x.json"
    whole_files.write_bytes(path, b"first")
    with pytest.raises(error), whole_files.write_atomically(path) as new:
        new.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"first"
    assert [item.name for item in tmp_path.iterdir()] == ["x.json"]


def test_what_killed_writers_left_is_swept_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    dead, same_number = left_by(ended_process(), path), left_by(os.getpid(), path)
    alive, others = left_by(os.getppid(), path), left_by(os.getpid(), tmp_path / "y.json")
    with whole_files.write_atomically(path) as mine:
        mine.write_text("mine")
        whole_files.sweep(path)
        assert mine.exists(), "what this process writes now is no leftover"
    assert not dead.exists()
    assert not same_number.exists(), "another process had this number before, as in a container"
    assert alive.exists()
    assert others.exists()


def test_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    whole_files.remove(tmp_path / "link")
    assert [item.name for item in tmp_path.iterdir()] == ["kept"]
    whole_files.remove(tmp_path / "kept")
    whole_files.remove(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [10, 200, 250])
def test_long_names_have_room_for_the_unfinished_one(tmp_path: Path, length: int) -> None:
    whole_files.write_bytes(tmp_path / ("x" * length), b"whole")
    assert [len(item.name) for item in tmp_path.iterdir()] == [length]


def test_of_several_writers_one_creates_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: whole_files.create(path, str(number).encode()), range(32)))
    assert sum(made) == 1
    assert path.read_text() == str(made.index(True))
    assert list(tmp_path.iterdir()) == [path]
