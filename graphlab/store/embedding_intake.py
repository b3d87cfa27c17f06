"""Embeddings into the graph: files beside the database, named by it once they are whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from graphlab.store.folder import Folder
from ingest.errors import SchemaError, VersionError
from ingest.reader import Reading, ReadRequest

SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def write_embedding_source(
    folder: Folder,
    reading: Reading,
    request: ReadRequest,
    run_id: str,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, list[str]]:
    """Write one source of embeddings as a sorted Arrow file and name it in ``embedding_files``.

    The file is complete and in place before its row is committed; a file no row names is of a killed ingest
    and is swept away by the next one.

    Raises:
        SchemaError: no model or segmentation version given, another width, neurons that have embeddings already.
        VersionError: the model is here for another segmentation version.
    """
    from graphlab.store.embedding_files import EmbeddingSet, write_embeddings

    model, version = _named(request, "model"), _named(request, "segmentation_version")
    target = folder.path / "embeddings" / model
    target.mkdir(parents=True, exist_ok=True)
    _sweep(folder, target)
    if request.options.get("replace"):
        folder.connection.execute("DELETE FROM embedding_files WHERE model = ?", [model])
        folder.connection.execute("DELETE FROM synapse_embeddings WHERE model = ?", [model])
    known = folder.connection.execute(
        "SELECT segmentation_version, width, file FROM embedding_files WHERE model = ?", [model]
    ).fetchall()
    width = reading.schema.field("vector").type.list_size
    for other_version, other_width, _ in known:
        if other_version != version:
            raise VersionError(
                f"model {model!r} is here for segmentation version {other_version}, this source is of {version}; "
                "give it a model name of its own"
            )
        if other_width != width:
            raise SchemaError(f"model {model!r} has vectors of {other_width} numbers, this source of {width}")
    written = write_embeddings(target, reading.batches, width=width, progress=progress)
    if known:
        earlier = EmbeddingSet.open(
            [folder.path / file for *_, file in known], model=model, segmentation_version=version
        )
        new = EmbeddingSet.open([written.path], model=model, segmentation_version=version)
        both = pc.filter(
            pa.array(new.root_ids, pa.uint64()), pc.is_in(pa.array(new.root_ids), pa.array(earlier.root_ids))
        )
        if len(both):
            Path(written.path).unlink()
            raise SchemaError(
                f"{len(both):,} neurons have embeddings of model {model!r} already, {both[0]} for example; "
                "leave them out, or give the new ones a model name of their own"
            )
    folder.connection.execute(
        "INSERT INTO embedding_files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            model,
            version,
            width,
            Path(written.path).relative_to(folder.path).as_posix(),
            written.rows,
            written.neurons,
            written.sha256,
            run_id,
        ],
    )
    return written.rows, [
        f"{written.neurons:,} neurons with embeddings of {width} numbers, model {model}, segmentation {version}"
    ]


def _named(request: ReadRequest, option: str) -> str:
    value = str(request.options.get(option) or "")
    if not value:
        raise SchemaError(
            f"embeddings need their {option.replace('_', ' ')}: vectors of different models or segmentations are never "
            f"compared. Say --{option.replace('_', '-')} NAME"
        )
    if option == "model" and (set(value) - SAFE or value.startswith(".")):
        raise SchemaError(f"model name {value!r}: it names a folder; use letters, digits, '-', '_' and '.'")
    return value


def _sweep(folder: Folder, target: Path) -> None:
    """Remove files that no row names: what a killed ingest left."""
    rows = folder.connection.execute("SELECT file FROM embedding_files").fetchall()
    named = {folder.path / row[0] for row in rows}
    for item in target.iterdir():
        if item.is_file() and item not in named and not _belongs(item, named):
            item.unlink()


def _belongs(item: Path, named: set[Path]) -> bool:
    """Whether ``item`` is the id index of a named file (same stem)."""
    return any(item.name.startswith(file.stem) and item.parent == file.parent for file in named)
