"""Every path of a graph stays in the graph; every output stays out of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from graphlab.cli import main
from graphlab.graph import Graph
from graphlab.store.files import places
from graphlab.store.folder import DATABASE, Folder
from ingest.schema.errors import GraphlabError, SchemaError, StoreError

ROWS = pa.table(
    {
        "pre_root_id": pa.array([1, 2], pa.uint64()),
        "post_root_id": pa.array([2, 3], pa.uint64()),
        "weight": [1.0, 2.0],
    }
)


@pytest.fixture
def wired(tmp_path: Path) -> Path:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(ROWS, as_="connections")
    return tmp_path / "g"


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "/etc/passwd", ".hidden", "a/b", "a\\b", "a b", "x" * 101, "ü", "a\n"]
)
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(SchemaError, match="is no name of a model"):
        places.checked_name(name, "name of a model")
    with pytest.raises(SchemaError, match="is no name of a file in aggregates"):
        places.place(tmp_path, places.AGGREGATES, name)


@pytest.mark.parametrize(
    "stored",
    ["../../x.arrow", "/tmp/x.arrow", "embeddings/../graph.duckdb", "graph.duckdb", "models/m.json",
     "embeddings/m/../../x.arrow", "recordings/0123456789ab-01234567.parquet",
     "embeddings/.x/0123456789ab-01234567.arrow"],
)  # fmt: skip
def test_what_a_foreign_graph_names_stays_inside(tmp_path: Path, stored: str) -> None:
    with pytest.raises(StoreError, match="no graphlab writes"):
        places.stored(tmp_path, places.EMBEDDINGS, stored)


def test_a_foreign_table_cannot_have_a_file_removed_elsewhere(tmp_path: Path) -> None:
    victim = tmp_path / "precious.parquet"
    victim.write_text("p")
    folder = Folder.create(tmp_path / "g")
    with folder.transaction() as connection:
        values = ["a", "activity", "../precious.parquet", 1, 1, 0.0, 0.0, 1.0, 1, "x", "r"]
        connection.execute(f"INSERT INTO recording_files VALUES ({', '.join('?' * len(values))})", values)
    from graphlab.store.recordings.removal import drop_animal

    assert drop_animal(folder, "a")
    folder.close()
    assert victim.read_text() == "p"


def test_links_in_a_graph_are_not_followed(tmp_path: Path, wired: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.arrow").write_text("p")
    (outside / "precious.parquet").write_text("p")
    for kind in places.KINDS:
        if not (wired / kind).exists():
            (wired / kind).symlink_to(outside)
        with pytest.raises(StoreError, match="is a link to"):
            places.place(wired, kind, "x")
    Folder.open(wired).close()
    assert sorted(item.name for item in outside.iterdir()) == ["precious.arrow", "precious.parquet"]


def test_a_link_among_the_models_is_not_followed(tmp_path: Path, wired: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.arrow").write_text("p")
    (wired / "embeddings").mkdir()
    (wired / "embeddings" / "m").symlink_to(outside)
    vectors = pa.array([[0.5] * 4], pa.list_(pa.float32(), 4))
    rows = {"root_id": pa.array([1], pa.uint64()), "node_id": pa.array([0], pa.uint64()), "vector": vectors}
    rows |= {f"{axis}_nm": pa.array([0.0], pa.float32()) for axis in "xyz"}
    order = ["root_id", "node_id", "x_nm", "y_nm", "z_nm", "vector"]
    with Graph.open(wired) as graph, pytest.raises(StoreError, match="is a link to"):
        graph.ingest(
            pa.table({name: rows[name] for name in order}), as_="embeddings", model="m", segmentation_version="1"
        )
    assert [item.name for item in outside.iterdir()] == ["precious.arrow"]


OUTPUTS = [
    "g/graph.duckdb",
    "g/x.csv",
    "g/models/x.csv",
    "g/new/x.csv",
    "g/reports",
    "link.csv",
    "inside/x.csv",
    ".",
    "dir.csv",
]


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_that_are_of_a_graph_or_a_folder(tmp_path: Path, wired: Path, name: str) -> None:
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(wired / DATABASE)
    (tmp_path / "inside").symlink_to(wired)
    with pytest.raises(StoreError, match=r"is a folder|lies in the graph"):
        places.checked_output(tmp_path / name)
    before = (wired / DATABASE).read_bytes()
    with Graph.open(wired, shared=True) as graph, pytest.raises(GraphlabError):
        graph.report(tmp_path / name)
    assert (wired / DATABASE).read_bytes() == before


@pytest.mark.parametrize("name", ["x.csv", "g/reports/x.html", "other/x.csv", "g2.duckdb"])
def test_outputs_that_are_fine(tmp_path: Path, wired: Path, name: str) -> None:
    assert wired.is_dir()
    assert places.checked_output(tmp_path / name) == tmp_path / name


def test_an_output_is_looked_at_before_the_work(
    tmp_path: Path, wired: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(*argv: object) -> tuple[int | str | None, str]:
        monkeypatch.setattr("sys.argv", ["graphlab", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr().err

    for argv in (
        ("query", wired, "FROM nowhere", "-o", wired / "graph.duckdb"),
        ("motifs", wired, "--samples", 10**9, "-o", tmp_path),
        ("motifs", wired, "--samples", 10**9, "-o", tmp_path / "absent" / "x.csv"),
        ("motifs", wired, "--samples", 10**9, "-o", tmp_path / "x.docx"),
        ("motifs", wired, "--samples", 10**9, "--report", wired / "graph.duckdb"),
        ("report", wired, "-o", "."),
        ("demo", wired),
        ("convert-checkpoint", tmp_path / "none", wired / "models" / "x.safetensors"),
    ):
        code, said = ended(*argv)
        assert code == 1, argv
        assert len(said.splitlines()) == 1, said
        assert said.startswith("error: "), said
        assert "nowhere" not in said


@pytest.mark.parametrize("name", ["g", "g/graph.duckdb", "link", "alias"])
def test_a_graph_is_no_source_of_its_own(tmp_path: Path, wired: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(wired / DATABASE)
    (tmp_path / "alias").symlink_to(wired)
    for as_ in ("connections", "recordings", "embeddings"):
        options = {"model": "m", "segmentation_version": "1"} if as_ == "embeddings" else {}
        with Graph.open(wired) as graph, pytest.raises(StoreError, match="no source"):
            graph.ingest(tmp_path / name, as_=as_, **options)


def test_a_folder_of_another_graph_is_no_source(tmp_path: Path, wired: Path) -> None:
    from graphlab.store.runs.runs import hash_source

    with pytest.raises(StoreError, match="no source"):
        hash_source(wired)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").write_text("a")
    alone = hash_source(tmp_path / "files")
    wired.rename(tmp_path / "files" / "g")
    (tmp_path / "files" / "link").symlink_to(tmp_path / "files" / "g" / DATABASE)
    (tmp_path / "files" / "alias").symlink_to(tmp_path / "files" / "g")
    assert hash_source(tmp_path / "files") == alone
