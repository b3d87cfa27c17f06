"""Embeddings into the graph: files beside the database, named by it once they are whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from graphlab.store.folder import Folder
from ingest.errors import SchemaError, VersionError
from ingest.reader import Reading, ReadRequest

WORK = ".writing-"
"""How folders begin that hold a file being written."""
SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def write_embedding_source(
    folder: Folder,
    reading: Reading,
    request: ReadRequest,
    run_id: str,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, list[str]]:
    """Write one source of embeddings as a sorted Arrow file and name it in ``embedding_files``.

    The file is complete and in place before its row is committed; a file no row names is of a killed or failed
    ingest and is swept away after it, or by the next one.

    Raises:
        SchemaError: no model or segmentation version given, another width, neurons that have embeddings already.
        VersionError: the model is here for another segmentation version.
    """
    from graphlab.store.embedding_files import EmbeddingSet, write_embeddings

    model, version = _named(request, "model"), _named(request, "segmentation_version")
    target = folder.path / "embeddings" / model
    sweep(folder)
    target.mkdir(parents=True, exist_ok=True)
    _require_own_relation(folder, model)
    if request.options.get("replace"):
        folder.connection.execute("DELETE FROM embedding_files WHERE model = ?", [model])
        for joined in ("synapse_embeddings", "neuron_embeddings"):
            folder.connection.execute(f"DELETE FROM {joined} WHERE model = ?", [model])
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


def _require_own_relation(folder: Folder, model: str) -> None:
    """Two models that SQL would call by one name (it ignores case, and signs become ``_``) are refused."""
    from graphlab.store.query_source import models, relation_of

    for other in models(folder):
        if other != model and relation_of(other).lower() == relation_of(model).lower():
            raise SchemaError(
                f"models {other!r} and {model!r} would both be {relation_of(model)} in queries; choose another name"
            )


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


def sweep(folder: Folder) -> None:
    """Remove what no row names: files and half-written folders that a killed or failed ingest left."""
    rows = folder.connection.execute("SELECT file FROM embedding_files").fetchall()
    named = {folder.path / row[0] for row in rows}
    named |= {path.with_name(f"{path.stem}.ids.arrow") for path in named}
    for model in (folder.path / "embeddings").glob("*/"):
        for item in model.iterdir():
            if item.is_dir() and item.name.startswith(WORK):
                shutil.rmtree(item)
            elif item.is_file() and item.suffix == ".arrow" and item not in named:
                item.unlink()
        with suppress(OSError):
            model.rmdir()  # only an empty one goes
