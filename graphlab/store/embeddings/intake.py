"""Embeddings into the graph: files beside the database, named by it once they are whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from graphlab.store.database import first_row
from graphlab.store.files import places, sweeping
from graphlab.store.folder import Folder
from graphlab.store.wiring.predicted.labels import forget_labels
from ingest.reader import Reading, ReadRequest
from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError, VersionError


def write_embedding_source(
    folder: Folder,
    reading: Reading,
    request: ReadRequest,
    run_id: str,
    progress: Progress | None,
) -> tuple[int, list[str]]:
    """Write one source of embeddings as a sorted Arrow file and name it in ``embedding_files``.

    The file is complete and in place before its row is committed; a file no row names is of a killed or failed
    ingest and is swept away after it, or by the next one.

    Raises:
        SchemaError: no model or segmentation version given, another width, neurons that have embeddings already.
        VersionError: the model is here for another segmentation version.
    """
    from graphlab.store.embeddings.files import EmbeddingSet, write_embeddings

    model, version = _named(request, "model"), _named(request, "segmentation_version")
    target = places.place(folder.path, places.EMBEDDINGS, model)
    sweeping.sweep_unnamed(folder.path, folder.connection)
    target.mkdir(parents=True, exist_ok=True)
    require_own_relation(folder, model)
    notes: list[str] = []
    if request.options.get("replace"):
        folder.connection.execute("DELETE FROM embedding_files WHERE model = ?", [model])
        folder.connection.execute("DELETE FROM meta WHERE key = ?", [origin_key(model)])
        notes += forget_joins(folder, model)
    known = folder.connection.execute(
        "SELECT segmentation_version, width, file FROM embedding_files WHERE model = ?", [model]
    ).fetchall()
    width = reading.schema.field("vector").type.list_size
    for other_version, other_width, _ in known:
        if other_version != version:
            raise VersionError(
                f"model {model!r} is here for segmentation version {other_version}, this source is of {version}; "
                "give it another model name"
            )
        if other_width != width:
            raise SchemaError(f"model {model!r} has vectors of {other_width} numbers, this source of {width}")
    written = write_embeddings(target, reading.batches, width=width, progress=progress)
    if known:
        earlier = EmbeddingSet.open(
            [places.stored(folder.path, places.EMBEDDINGS, file) for *_, file in known],
            model=model,
            segmentation_version=version,
        )
        new = EmbeddingSet.open([written.path], model=model, segmentation_version=version)
        both = pc.filter(
            pa.array(new.root_ids, pa.uint64()), pc.is_in(pa.array(new.root_ids), pa.array(earlier.root_ids))
        )
        if len(both):
            raise SchemaError(
                f"{len(both):,} neurons have embeddings of model {model!r} already, {both[0]} for example; "
                "leave them out, or give the new ones another model name"
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
    summary = f"{written.neurons:,} neurons with embeddings of {width} numbers, model {model}, segmentation {version}"
    return written.rows, [summary, *notes]


def origin_key(model: str) -> str:
    """Key of ``meta`` that says what made embeddings: the card of an encoder, or the model that they are means of."""
    return f"model {model}"


def forget_joins(folder: Folder, model: str) -> list[str]:
    """Joins and places of vectors that are replaced go with them, and it is said what to make again."""
    gone = []
    for table, what in (("neuron_embeddings", "neurons joined"), ("synapse_embeddings", "synapses placed")):
        row = first_row(folder.connection, f"SELECT count(*) FROM {table} WHERE model = ?", [model])
        if row[0]:
            gone.append(f"{row[0]:,} {what}")
            folder.connection.execute(f"DELETE FROM {table} WHERE model = ?", [model])
    notes = forget_labels(folder, model)
    if not gone:
        return notes
    again = "join-embeddings and place-synapses" if len(gone) > 1 or "placed" in gone[0] else "join-embeddings"
    return [f"{' and '.join(gone)} to the earlier vectors of {model} are forgotten: run {again} again", *notes]


def require_own_relation(folder: Folder, model: str) -> None:
    """Two models that SQL would call by one name (it ignores case, and signs become ``_``) are refused."""
    from graphlab.store.embeddings.models import model_names, relation_of

    for other in model_names(folder):
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
    return places.checked_name(value, "name of a model") if option == "model" else value
