"""The command line in its own process: exit codes, one error, JSON that parses, ids as text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from inspect import signature
from operator import attrgetter
from pathlib import Path

import pytest
import typer

from graphlab import Graph, __version__, cli
from graphlab.cli import SECTIONS, interruptible
from graphlab.commands.choices import function_at
from graphlab.commands.options import Json, workers_of
from ingest.schema.errors import AnalysisError

VERBS = {
    name: function_at(place) for part in SECTIONS.values() for name, place in part.items() if isinstance(place, str)
}
EDGES = "pre_root_id,post_root_id,weight\n864691135941359220,864691135941359221,5\n864691135941359221,3,2\n"


def graphlab(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "graphlab.cli", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The same in this process, where only what is said matters: exit code, standard output, errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["graphlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli")
    (place / "edges.csv").write_text(EDGES)
    assert graphlab("init", place / "g", "--dataset", "three neurons").returncode == 0
    done = graphlab("ingest", place / "g", place / "edges.csv", "--as", "connections")
    assert done.returncode == 0, done.stderr
    assert "2 rows of connections" in done.stdout
    return place / "g"


def test_help_lists_every_verb() -> None:
    done = graphlab("--help")
    assert done.returncode == 0
    wanted = {"demo", "init", "ingest", "info", "query", "motifs", "mine", "report", "rerun", "recipe"}
    assert wanted <= VERBS.keys()
    for part in SECTIONS.values():
        for verb in part:
            assert f" {verb} " in done.stdout


def test_help_groups_verbs_as_graph_does_and_everyday_ones_come_first() -> None:
    told = graphlab("--help").stdout
    headings = [line[:-1] for line in told.splitlines() if line in [f"{section}:" for section in SECTIONS]]
    assert headings == list(SECTIONS)
    assert "..." not in told.split("Every day:")[1]  # whole sentences


def test_version_and_completion() -> None:
    assert graphlab("--version").stdout == f"graphlab {__version__}\n"
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'graphlab'; from graphlab.cli import main; main()"]
    words = {"_GRAPHLAB_COMPLETE": "complete_bash", "COMP_WORDS": "graphlab mot", "COMP_CWORD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | words)
    assert done.stdout.split() == ["motifs"], done.stderr


@pytest.mark.parametrize(("typed", "meant"), [(["motif"], "motifs"), (["train", "cel-type"], "cell-type")])
def test_an_unknown_verb_names_the_nearest(typed: list[str], meant: str) -> None:
    done = graphlab(*typed)
    assert done.returncode == 2
    assert f"unknown command {typed[-1]!r}; did you mean {meant!r}?" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_print_json(verb: str) -> None:
    assert signature(VERBS[verb]).parameters["json"].annotation in ("Json", Json)


METHODS = {
    "init": "create",
    "recipe": "set_recipe",
    "signs": "set_signs",
    "motifs": "motifs.census",
    "mine": "motifs.mine",
    "draw": "plot.adjacency",
    "stats": "circuits.statistics",
    "match": "circuits.match",
    "influence": "circuits.influence",
    "cascade": "circuits.cascade",
    "communities": "circuits.communities",
    "spectral": "circuits.spectral",
    "clusters": "circuits.connectivity_clusters",
    "instances": "motifs.instances",
    "correlate": "activity.correlate",
    "drop-animal": "activity.drop_animal",
    "join-embeddings": "embeddings.join",
    "place-synapses": "embeddings.place_synapses",
    "embed": "embeddings.embed",
    "aggregate-embeddings": "embeddings.aggregate",
    "map-embeddings": "embeddings.map",
    "export-embeddings": "embeddings.export",
    "shell": "query",
    "neighbors": "neighborhood",
    "synapses": "synapses.of",
    "at": "places.at",
    "skeletons": "skeletons.measure",
    "profile": "places.neuropils",
    "link": "sets.link",
    "models": "predict.cards",
    "predict": "predict.ask",
    "label-synapses": "predict.label_synapses",
    "merge-errors": "predict.merge_errors",
    "split-errors": "predict.split_errors",
    "unseen-types": "predict.unseen_types",
    "live": "live.follow",
    "replay": "live.replay",
}
"""Verbs that people type otherwise than the method is called."""


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if "graph" in signature(verb).parameters])
def test_every_verb_is_a_method_of_graph(verb: str, made: Path) -> None:
    with Graph.open(made, read_only=True) as graph:
        assert callable(attrgetter(METHODS.get(verb, verb.replace("-", "_")))(graph))


def test_usage_errors_exit_with_2(made: Path) -> None:
    assert graphlab("ingest", made).returncode == 2
    assert graphlab("motifs", made, "--size", "two").returncode == 2
    assert graphlab("nothing").returncode == 2


def test_our_errors_exit_with_1_and_one_message(
    here: Callable[..., tuple[int, str, str]], made: Path, tmp_path: Path
) -> None:
    for arguments in (
        ("info", tmp_path / "absent"),
        ("ingest", made, tmp_path / "absent.csv", "--as", "connections"),
        ("ingest", made, made / "graph.duckdb", "--as", "connections", "--keep", "Type"),
        ("query", made, "SELECT weigth FROM connections"),
        ("query", made, "DROP TABLE neurons"),
        ("query", made, "@" + str(tmp_path / "absent.sql")),
        ("query", made, "FROM neurons", "-o", "/proc/absent.csv"),
        ("report", made, "-o", "/proc/absent.html"),
        ("motifs", made, "--null", "reciprocl", "--samples", "10"),
        ("motifs", made, "--null", "spatial", "--samples", "10"),
        ("motifs", made, "--null", "er"),
        ("mine", made, "--samples", "10"),
        ("instances", made, "030X"),
        ("motifs", made, "--size", "9"),
        ("rerun", made, "absent"),
    ):
        code, out, error = here(*arguments)
        assert code == 1, (arguments, out, error)
        assert error.startswith("error: "), error
        assert "Traceback" not in error
    assert here("info", made)[0] == 0
    done = graphlab("info", tmp_path / "absent")
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:7]) == (1, 1, "error: ")


def test_query_json_is_a_list_of_rows_with_ids_as_text(made: Path) -> None:
    text = (
        "SELECT * FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[s IS synapse]->(b IS neuron) "
        "COLUMNS (a.root_id AS pre, b.root_id AS post, s.weight AS weight)) ORDER BY weight DESC"
    )
    rows = json.loads(graphlab("query", made, text, "--json").stdout)
    assert rows == [
        {"pre": "864691135941359220", "post": "864691135941359221", "weight": 5.0},
        {"pre": "864691135941359221", "post": "3", "weight": 2.0},
    ]
    assert json.loads(graphlab("query", made, text, "--json", "--count").stdout) == [{"count": 2}]
    assert json.loads(graphlab("query", made, "-", "--json", "--limit", "1", stdin=text).stdout) == rows[:1]
    assert json.loads(graphlab("query", made, "SELECT 'nan'::DOUBLE AS x", "--json").stdout) == [{"x": None}]


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow", "json"])
def test_output_files(made: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"rows.{ending}"
    done = graphlab("query", made, "FROM neurons SELECT root_id ORDER BY root_id", "-o", target)
    assert done.returncode == 0, done.stderr
    assert "3 rows" in done.stdout
    assert [item.name for item in tmp_path.iterdir()] == [target.name]
    if ending in ("csv", "json"):
        assert "864691135941359221" in target.read_text()
    else:
        import pyarrow as pa
        from pyarrow import feather, parquet

        table = parquet.read_table(target) if ending == "parquet" else feather.read_table(str(target))
        assert table["root_id"].type == pa.uint64()
        assert table["root_id"].to_pylist() == [3, 864691135941359220, 864691135941359221]


def test_an_output_nobody_can_write(made: Path, tmp_path: Path) -> None:
    done = graphlab("query", made, "FROM neurons", "-o", tmp_path / "rows.xls")
    assert (done.returncode, "cannot write .xls" in done.stderr) == (1, True)
    done = graphlab("query", made, "FROM neurons", "-o", tmp_path / "absent" / "rows.csv")
    assert (done.returncode, "does not exist" in done.stderr) == (1, True)


def test_motifs_json_lists_every_class(made: Path) -> None:
    document = json.loads(graphlab("motifs", made, "--size", "3", "--json").stdout)
    rows = {row["motif"]: row for row in document["motifs"]}
    assert len(rows) == 16
    assert rows["021C"]["count"] == 1
    assert rows["300"]["count"] == 0
    assert "count_noninduced" in rows["300"]
    assert len(json.loads(graphlab("motifs", made, "--size", "2", "--json").stdout)["motifs"]) == 3


def test_info_json(made: Path) -> None:
    document = json.loads(graphlab("info", made, "--json").stdout)
    assert document["dataset"] == "three neurons"
    assert document["counts"]["connections"] == 2


def test_bad_input_names_the_file_and_changes_nothing(
    here: Callable[..., tuple[int, str, str]], made: Path, tmp_path: Path
) -> None:
    before = here("info", made, "--json")
    wrong = {
        "float.csv": "pre_root_id,post_root_id,weight\n1.5,2,3\n",
        "negative.csv": "pre_root_id,post_root_id,weight\n1,-2,3\n",
        "huge.csv": f"pre_root_id,post_root_id,weight\n1,{2**64},3\n",
        "missing.csv": "pre_root_id,weight\n1,3\n",
        "empty.csv": "",
        "text.csv": "pre_root_id,post_root_id,weight\nAVAL,2,3\n",
        "broken.parquet": "PAR1 this is no parquet file PAR1",
        "broken.xlsx": "PK not a workbook",
    }
    for name, content in wrong.items():
        path = tmp_path / name
        path.write_text(content)
        code, _, error = here("ingest", made, path, "--as", "connections")
        assert code == 1, name
        assert name in error, error
        assert "Traceback" not in error
    assert here("info", made, "--json") == before


def test_ctrl_c_inside_a_kernel_is_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    """Numba raises a SystemError from the KeyboardInterrupt that it met; any other SystemError stays one."""

    def interrupted() -> None:
        raise SystemError("a result with an exception set") from KeyboardInterrupt()

    def broken() -> None:
        raise SystemError("broken")

    with pytest.raises(typer.Exit) as ended:
        interruptible(interrupted)()
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "stopped; what was finished is kept\n"
    with pytest.raises(SystemError, match="broken"):
        interruptible(broken)()


def test_a_ctrl_c_is_of_one_verb() -> None:
    """Where several verbs run in one process, the failure of a later one is its own."""

    def fails() -> None:
        raise ValueError("of its own")

    _notice_without_raising()
    with pytest.raises(ValueError, match="of its own"):
        interruptible(fails)()


def _notice_without_raising() -> None:
    with pytest.raises(KeyboardInterrupt):
        cli._notice(2, None)


def test_workers_are_threads_or_a_cluster() -> None:
    assert workers_of("8") == 8
    assert (workers_of("ray").address, workers_of("ray:head:6379").address) == (None, "head:6379")
    for text in ("0", "-1", "", "many", "1.5", "rays", "٣"):
        with pytest.raises(AnalysisError, match="wanted a number from 1 on, ray, or ray:HOST:PORT"):
            workers_of(text)
    with pytest.raises(AnalysisError, match="HOST:PORT of its head"):
        workers_of("ray:ray://head:10001")
