"""The house itself: light imports, words in one home, the command line's promises, nobody in our place."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest

import graphlab
from graphlab.store.database import first_row
from graphlab.store.folder import Folder
from graphlab.store.incoming_rows import APART
from ingest.schema import words

ROOT = Path(__file__).parent.parent
HEAVY = ["torch", "tensorflow", "torch_geometric", "ray", "pandas", "polars", "numba", "scipy", "igraph", "networkx"]


def modules_after(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("statement", ["import graphlab", "import graphlab.cli", "from graphlab import Graph"])
def test_light_imports_leave_heavy_libraries_alone(statement: str) -> None:
    assert not modules_after(statement) & set(HEAVY)


def test_a_question_loads_only_what_it_needs(tmp_path: Path) -> None:
    place = tmp_path / "g"
    with graphlab.Graph.create(place) as graph:
        graph.ingest(pa.table({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [4.0, 5.0]}), as_="connections")
    question = (
        "SELECT * FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[s IS synapse]->(b IS neuron) "
        "WHERE a.root_id = 1 COLUMNS (b.root_id AS post))"
    )
    loaded = modules_after(
        f"sys.argv = ['graphlab', 'query', {str(place)!r}, {question!r}, '--json']\n"
        "from graphlab import cli\ntry:\n    cli.main()\nexcept SystemExit as done:\n    assert not done.code"
    )
    assert {"queries.languages.sql_pgq.parser", "duckdb"} <= loaded
    unwanted = {
        *HEAVY,
        "queries.languages.cypher.parser",
        "queries.languages.dotmotif.parser",
        "queries.csr.executor",
        "pyarrow.compute",
        "jinja2",
    }
    assert not loaded & unwanted


def test_version_is_told_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == graphlab.__version__


def test_every_extra_that_pulls_torch_lets_pip_choose_a_cpu_build() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = [r for wanted in extras.values() for r in wanted if r.split(">")[0].split("[")[0] == "torch"]
    assert asked
    assert set(asked) == {"torch>=2.6,<2.14"}


@pytest.mark.parametrize("table", ["neurons", "synapses", "connections"])
def test_tables_of_the_store_are_the_words_of_the_schema(table: str, tmp_path: Path) -> None:
    folder = Folder.create(tmp_path / "g")
    described = folder.connection.execute(f"DESCRIBE {table}").fetchall()
    sql = {"uint64": "UBIGINT", "double": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN"}
    own = [column for column in words.table(table).columns if column.name not in APART.get(table, ())]
    wanted = [(column.name, sql[str(column.type)]) for column in own]
    assert sorted((str(row[0]), str(row[1])) for row in described) == sorted(wanted)
    assert first_row(folder.connection, f"SELECT count(*) FROM {table}") == (0,)
    folder.close()


def test_another_package_in_our_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import graphlab"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "'queries' belongs to graphlab-connectome" in done.stderr
    assert str(tmp_path) in done.stderr


def test_no_packages_under_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py")), "tests/ingest would shadow ingest"


def test_folders_can_be_seen_into() -> None:
    """A dozen files beside its folders; and every folder says what lives there."""
    folders = [
        path.parent for room in ("graphlab", "ingest", "queries", "gpu_embed") for path in (ROOT / room).rglob("*.py")
    ]
    for folder in set(folders):
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= 12, folder
        assert (folder / "__init__.py").read_text().startswith('"""'), folder
        assert files or any(child.is_dir() and (child / "__init__.py").exists() for child in folder.iterdir()), folder


def test_files_have_one_job() -> None:
    """About 400 lines a file is a wall to notice; 450 is the wall."""
    rooms = ("graphlab", "ingest", "queries", "gpu_embed")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    assert files
    assert not [f"{path}: {n}" for path in files if (n := len(path.read_text().splitlines())) > 450]
    assert not [path for path in files if path.stem in ("utils", "helpers", "common", "misc")]


def test_every_file_has_a_mirror_or_names_its_test() -> None:
    """``a/b.py`` is tested by ``tests/a/test_b.py``, or its docstring says by what; a test that is named is there."""
    for room in ("graphlab", "ingest", "queries", "gpu_embed"):
        for path in (ROOT / room).rglob("*.py"):
            mirror = ROOT / "tests" / path.parent.relative_to(ROOT) / f"test_{path.name}"
            if path.name == "__init__.py" or mirror.exists():
                continue
            named = re.findall(
                r"^Tests: (tests/\S+\.py)\.$", ast.get_docstring(ast.parse(path.read_text())) or "", re.M
            )
            assert named, f"{path} has no {mirror} and names no test"
            assert all((ROOT / test).exists() for test in named), (path, named)


def test_slow_files_are_there() -> None:
    """What ``make check`` leaves out; a file that moves takes its line along."""
    listed = (ROOT / "tests" / "slow_files.txt").read_text().split()
    assert listed == sorted(set(listed))
    assert not [name for name in listed if not (ROOT / name).exists()]
