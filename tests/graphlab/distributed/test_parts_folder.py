"""A folder is of one run; damaged, contradicting and foreign files are refused by name."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphlab.distributed.parts_folder import DamagedPart, Stage, claim, open_folder, require_same, write_manifest
from ingest.schema.errors import ReadError, VersionError

RUN = {"work": "triads", "content": "abc", "parts": 4}


def test_a_folder_is_of_one_run(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no part has been run there"):
        require_same(tmp_path, RUN)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: claim(tmp_path, RUN), range(16)))
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    with pytest.raises(VersionError, match=r"parts of another run \(the number of parts is 4 there, 5 now\)"):
        claim(tmp_path, {**RUN, "parts": 5})
    assert require_same(tmp_path, {"work": "triads"})["parts"] == 4
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ReadError, match="run.json is damaged"):
        claim(tmp_path, RUN)


def test_of_two_runs_that_begin_at_once_one_has_the_folder(tmp_path: Path) -> None:
    def begin(number: int) -> bool:
        try:
            claim(tmp_path, {**RUN, "content": str(number)})
        except VersionError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(16))) == 1


def test_other_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(VersionError, match=r"holds thesis.tex and no run.json"):
        claim(tmp_path, RUN)
    with pytest.raises(ReadError, match="is a bucket"):
        open_folder("gs://bucket/parts")
    with pytest.raises(ReadError, match="cannot write"):
        open_folder(tmp_path / "thesis.tex")


def test_damaged_results_are_named_and_computed_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "0123")
    stage.keep(3, {"a": b"1", "b": b"2"})
    stage.keep(1, {"c": b"3"})
    assert stage.load() == {"a": b"1", "b": b"2", "c": b"3"}
    (path,) = stage.folder.glob("part-00003-*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"part-00003-.*run part 3 again"):
        stage.load()
    assert stage.load(recompute=1) == {"c": b"3"}
    assert path.exists()
    with pytest.warns(DamagedPart, match="part-00003-"):
        assert stage.load(recompute=3) == {"c": b"3"}
    assert not path.exists()


def test_a_task_has_one_result(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "0123")
    stage.keep(1, {"a": b"1"})
    stage.keep(1, {"a": b"1", "b": b"2"})
    assert stage.load() == {"a": b"1", "b": b"2"}
    stage.keep(2, {"a": b"2"})
    with pytest.raises(ReadError, match="computed twice with different results"):
        stage.load()


def test_the_manifest_lists_every_file(tmp_path: Path) -> None:
    claim(tmp_path, RUN)
    stage = Stage(tmp_path / "0123")
    stage.keep(1, {"a": b"1"})
    stage.finish(1, ["a"], 2.0)
    stage.finish(1, ["a"], 5.0)
    write_manifest(tmp_path)
    found = json.loads((tmp_path / "manifest.json").read_text())
    assert found["run"] == RUN
    assert found["stages"]["0123"]["parts"] == {"1": {"tasks": 1, "seconds": 2.0}}
    assert sorted(found["stages"]["0123"]["files"]) == sorted(path.name for path in stage.folder.iterdir())
