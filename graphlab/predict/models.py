"""Saved predictors in a graph folder: ``models/<name>.safetensors``, its card, its held-out predictions and its log.

A model replaces one of the same name in one step, with the commit that records its run. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict.card import PredictorCard, read
from graphlab.predict.state import State, array, require, with_prefix, without_prefix
from graphlab.store.files import places
from ingest.running import whole_files
from ingest.schema.errors import (
    GraphlabError,
    MissingExtraError,
    ReadError,
    SchemaError,
    UnknownNameError,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.predict.inputs.examples import Floats, Ints
    from graphlab.predict.inputs.features import Inputs, RootIds

WEIGHTS, CARD, HELD, LOG = ".safetensors", ".json", ".held.parquet", ".log.jsonl"
PREDICTOR, TRAINED = "predictor", "trained"
"""Prefixes of arrays: what the predictor learned, and the examples that it was fitted on."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SAMPLE = 64
"""Examples whose features are kept beside the model."""
PICKLES = (b"\x80", b"PK\x03\x04", b"c__builtin__", b"(dp", b"ccopy_reg")
PICKLED = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")


@dataclass(frozen=True, eq=False)
class TrainingExamples:
    """The labelled examples that the saved predictor was fitted on."""

    source: RootIds
    """uint64 [k]"""
    target: RootIds
    """uint64 [k]; the same as ``source`` in a node task."""
    label: Ints
    """[k] index into the card's classes."""
    features: Floats
    """[some, columns] of the first of them: they must come out the same when the model is asked."""


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A model read back."""

    card: PredictorCard
    state: State
    trained: TrainingExamples

    @property
    def name(self) -> str:
        return self.card.name


def check_name(name: str) -> str:
    """The name, if it can be that of a model; never a path.

    Raises:
        SchemaError: anything but letters, digits, ``-`` and ``_``.
    """
    if not NAME.fullmatch(name):
        raise SchemaError(
            f"{name!r} is no name of a model; wanted letters, digits, '-' and '_' (64 at most, no path, no ending): "
            "models are files of the graph's own folder"
        )
    return name


def model_names(graph: Path) -> list[str]:
    """Names of the graph's saved predictors, sorted."""
    return sorted(
        path.name.removesuffix(CARD)
        for path in (graph / places.PREDICTORS).glob(f"*{CARD}")
        if NAME.fullmatch(path.name.removesuffix(CARD))
    )


def card(graph: Path, name: str) -> PredictorCard:
    """What a saved predictor says of itself.

    Raises:
        ReadError, SchemaError, VersionError: no card that this graphlab reads.
    """
    return read(paths(graph, name)[CARD])


def paths(graph: Path, name: str) -> dict[str, Path]:
    """Ending -> file of a model."""
    name = check_name(name)
    return {ending: places.place(graph, places.PREDICTORS, f"{name}{ending}") for ending in (WEIGHTS, HELD, LOG, CARD)}


def save(
    graph: Path,
    card: PredictorCard,
    state: State,
    trained: TrainingExamples,
    held_out: pa.Table,
    log: str,
    arriving: Callable[[Path], AbstractContextManager[Path]] = whole_files.write_atomically,
) -> PredictorCard:
    """Write a model, replacing one of the same name. Returns the card as written.

    Args:
        arriving: gives the name to write each file to; ``Folder.arriving`` inside a transaction puts all of them into
            place with its commit. By itself each file is replaced whole, the card last.

    Raises:
        SchemaError: its name. ReadError: the disk is full or the folder may not be written.
        MissingExtraError: safetensors is not installed.
    """
    import io

    from pyarrow import parquet

    files = paths(graph, card.name)
    arrays = with_prefix(PREDICTOR, state) | with_prefix(
        TRAINED,
        {"source": trained.source, "target": trained.target, "label": trained.label, "features": trained.features},
    )
    weights = _safetensors().numpy.save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    sink = io.BytesIO()
    parquet.write_table(held_out, sink, compression="zstd")
    hashes = {"weights_sha256": _sha256(weights), "held_sha256": _sha256(sink.getvalue())}
    # As it is read back: numbers that are not finite are null.
    whole = PredictorCard(**{**card.document(), **hashes})
    contents = {WEIGHTS: weights, HELD: sink.getvalue(), LOG: log.encode(), CARD: whole.text().encode()}
    try:
        files[CARD].parent.mkdir(exist_ok=True)
        for ending, content in contents.items():
            with arriving(files[ending]) as new:
                new.write_bytes(content)
    except OSError as error:
        if isinstance(error, GraphlabError):
            raise
        raise ReadError(f"cannot write {files[WEIGHTS]}: {error.strerror or error}; no model was saved") from None
    return whole


def load(graph: Path, name: str) -> SavedModel:
    """A saved model, checked against its card.

    Raises:
        UnknownNameError: no such model. ReadError: a pickle, a truncated file, a hash that differs. SchemaError: a
        card of something else, arrays that are missing. VersionError: of a newer format.
    """
    files = paths(graph, name)
    if not files[CARD].is_file():
        pickled = [ending for ending in PICKLED if files[CARD].with_suffix(ending).is_file()]
        if pickled:
            raise ReadError(f"{name}{pickled[0]} is a pickle, which runs whatever code is in it: train the model again")
        raise UnknownNameError("model", name, model_names(graph))
    card = read(files[CARD])
    safetensors = _safetensors()
    try:
        data = files[WEIGHTS].read_bytes()
    except OSError as error:
        raise ReadError(f"{files[WEIGHTS]}: {error.strerror}; train the model again") from None
    # The first byte of a safetensors file is a length, and may be that of a pickle; its header begins at the ninth.
    if data.startswith(PICKLES) and data[8:9] != b"{":
        raise ReadError(f"{files[WEIGHTS]} is a pickle, which runs whatever code is in it: train the model again")
    if (digest := _sha256(data)) != card.weights_sha256:
        raise ReadError(
            f"{files[WEIGHTS]} has SHA-256 {digest[:16]}..., its card says {card.weights_sha256[:16]}...: "
            "one of them was changed or cut off; train the model again"
        )
    try:
        arrays = safetensors.numpy.load(data)
    except Exception as error:
        raise ReadError(f"{files[WEIGHTS]} is no complete safetensors file: {error}") from None
    kept = without_prefix(arrays, TRAINED)
    source, target = (array(kept, end, np.uint64, 1) for end in ("source", "target"))
    label, features = array(kept, "label", np.int64, 1), array(kept, "features", np.float64, 2)
    require(len(source) == len(target) == len(label) >= len(features), "examples that it was trained on are missing")
    return SavedModel(card, without_prefix(arrays, PREDICTOR), TrainingExamples(source, target, label, features))


def features_of(inputs: Inputs, rows: Ints) -> Floats:
    """Features [k, columns] of some examples: of the pair, or of the neuron."""
    if len(inputs.pair.names):
        return inputs.pair.values[rows]
    return np.asarray(inputs.node.values[inputs.source[rows]])


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("safetensors", "gnn") from None
    return safetensors
