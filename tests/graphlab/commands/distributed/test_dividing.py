"""``graphlab motifs --part``: real processes of an array, one killed, give the bytes of one run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from graphlab import Graph
from graphlab.cli import app
from ingest.schema.errors import GraphlabError


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(1, 400, (4000, 2)), axis=0)
    table = pa.table({"pre_root_id": pairs[:, 0], "post_root_id": pairs[:, 1], "weight": np.ones(len(pairs))})
    path = tmp_path_factory.mktemp("dividing") / "g"
    with Graph.create(path) as made:
        made.ingest(table, as_="connections")
        made.snapshot()
    return path


def said(*arguments: object) -> Any:
    """The JSON document of a command."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_parts_are_gathered_to_the_result_of_one_run(graph: Path, tmp_path: Path) -> None:
    asked = ("motifs", graph, "--samples", 6, "--seed", 4)
    shared = ("--shared", tmp_path / "parts")
    with pytest.raises(GraphlabError, match="no part has been run there"):
        said(*asked, "--part", "gather", *shared)
    for part in (2, 1):
        told = said(*asked, "--part", f"{part}/3", *shared)
        assert (told["part"], told["parts"], told["tasks"], told["computed"]) == (part, 3, 2, 2)
    with pytest.raises(GraphlabError, match=r"part 3 of 3 is missing or unfinished. Run it again, as in --part 3/3"):
        said(*asked, "--part", "gather", *shared)
    said(*asked, "--part", "3/3", *shared)
    assert said(*asked, "--part", "3/3", *shared)["tasks"] is None  # nothing is left, nothing is printed but that
    with Graph.open(graph, read_only=True) as opened:
        assert opened.runs() == opened.runs()[:1], "parts record nothing"
    gathered = said(*asked, "--part", "gather", *shared)
    assert gathered == said(*asked)
    with Graph.open(graph) as opened:
        ((run, _),) = opened.motifs.kept_significance()
        assert opened.rerun(run).equal


@pytest.mark.parametrize("size", [3, 4])
def test_a_census_in_parts(graph: Path, tmp_path: Path, size: int) -> None:
    asked, shared = ("motifs", graph, "--size", size), ("--shared", tmp_path / "parts")
    for part in (1, 2):
        said(*asked, "--part", f"{part}/2", *shared)
    assert said(*asked, "--part", "gather", *shared) == said(*asked)


def test_a_folder_keeps_what_one_run_has_done(graph: Path, tmp_path: Path) -> None:
    asked, shared = ("motifs", graph, "--size", 3), ("--shared", tmp_path / "kept")
    wanted = said(*asked)
    assert said(*asked, *shared) == wanted
    kept = list((tmp_path / "kept").glob("*/part-00001-*.parquet"))
    assert kept
    assert said(*asked, *shared) == wanted
    assert kept == list((tmp_path / "kept").glob("*/part-00001-*.parquet")), "something was computed again"
    done = CliRunner().invoke(app, ["motifs", str(graph), "--size", "2", "--shared", str(tmp_path / "none")])
    assert "no tasks whose results could be kept" in done.output


def test_any_process_takes_what_is_free(graph: Path, tmp_path: Path) -> None:
    asked, shared = ("motifs", graph, "--samples", 4, "--seed", 2), ("--shared", tmp_path / "parts")
    told = said(*asked, "--part", "any", *shared)
    assert (told["part"], told["tasks"], told["computed"]) == (None, 4, 4)
    gathered = said(*asked, "--part", "gather", *shared)
    assert gathered == said(*asked)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--part", "1/2"], "--part needs --shared"),
        (["--shared", "x", "--pattern", "A -> B"], "leave out --pattern"),
        (["--part", "x", "--shared", "x"], "wanted I/N such as 3/8"),
        (["--part", "1/2", "--shared", "x", "--pattern", "A -> B"], "leave out --pattern"),
        (["--part", "1/2", "--shared", "x", "--by", "cell_type"], "leave out .* --by"),
        (["--part", "1/2", "--shared", "x", "--size", "2"], "no tasks that parts could share"),
        (["--part", "1/2", "--shared", "gs://bucket/x"], "is a bucket"),
    ],
)
def test_what_cannot_be_divided_is_refused(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphlabError, match=why):
        said("motifs", graph, *options)


@pytest.fixture(scope="module")
def typed(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same graph with types of its neurons."""
    path = tmp_path_factory.mktemp("typed") / "g"
    shutil.copytree(graph, path)
    with Graph.open(path) as made:
        ids = np.arange(1, 400)
        types = pa.table(
            {"root_id": ids, "cell_type": np.array(["a", "b", "c"])[ids % 3], "nt_type": ["ACH"] * len(ids)}
        )
        made.ingest(types, as_="neurons")
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("mine", "--samples", 2),
        ("stats", "--null", "configuration", "--samples", 4, "--statistic", "reciprocity"),
        ("simulate spikes", "--activate", "1", "--signs", "shiu", "--duration-ms", 20, "--trials", 3),
    ],
)
def test_other_verbs_in_parts(typed: Path, tmp_path: Path, words: tuple[Any, ...]) -> None:
    asked, shared = [*words[0].split(), typed, *words[1:]], ("--shared", tmp_path / "parts")
    for part in ("1/2", "2/2"):
        assert said(*asked, "--part", part, *shared)["computed"]
    gathered = said(*asked, "--part", "gather", *shared)
    assert gathered == said(*asked)
    assert (tmp_path / "parts" / "manifest.json").exists()


def begin(graph: Path, part: int, shared: Path) -> subprocess.Popen[bytes]:
    """One job of an array, in a process of its own."""
    options = ["--samples", "200", "--seed", "1", "--workers", "1", "--part", f"{part}/2", "--shared", shared]
    return subprocess.Popen(
        [sys.executable, "-m", "graphlab.cli", "motifs", graph, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_processes_of_an_array_one_of_them_killed_twice_started(graph: Path, tmp_path: Path) -> None:
    shared = tmp_path / "parts"
    other, victim, twin = begin(graph, 1, shared), begin(graph, 2, shared), begin(graph, 1, shared)
    while victim.poll() is None and not list(shared.glob("*/part-00002-*")):
        time.sleep(0.02)
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    for process in (other, twin):  # one part that was started twice
        _, trouble = process.communicate()
        assert (process.returncode, trouble) == (0, b"")
    gather = ("motifs", graph, "--samples", 200, "--seed", 1, "--part", "gather", "--shared", shared)
    if not list(shared.glob("*/part-00002.json")):
        with pytest.raises(GraphlabError, match="part 2 of 2 is missing"):
            said(*gather)
    again = begin(graph, 2, shared)
    out, trouble = again.communicate()
    assert (again.returncode, trouble) == (0, b"")
    assert b"part 2 of 2 is done" in out or b"every task is done" in out
    found = said(*gather)
    with Graph.open(graph, read_only=True) as opened:
        wanted = opened.motifs.significance(3, samples=200, seed=1)
    assert [row["z"] for row in found["motifs"]] == [None if np.isnan(z) else z for z in wanted.z.tolist()]
    assert [row["null_mean"] for row in found["motifs"]] == wanted.mean.tolist()
