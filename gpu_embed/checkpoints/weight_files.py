"""Weights as safetensors with a card of JSON beside them: written whole, read without running anything.

Files that would have to be unpickled are never opened for loading: a pickle runs the code it contains.

Tests: tests/gpu_embed/checkpoints/test_safetensors.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.variables import Array
from ingest.running import whole_files
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError

PICKLES = (b"\x80", b"PK\x03\x04", b"c__builtin__", b"(dp", b"ccopy_reg")


@dataclass(frozen=True, slots=True)
class WeightFile:
    """What a file holds: tensors, its own words about them, the hash of all of it."""

    tensors: Mapping[str, Array]
    about: Mapping[str, Any]
    sha256: str


def card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def write_weight_file(
    path: Path, tensors: Mapping[str, Array], about: Mapping[str, str], card: Callable[[str], Mapping[str, Any]]
) -> None:
    """Write ``path`` (.safetensors) and its card; nothing half-written.

    Args:
        about: goes into the file itself.
        card: the card, given the SHA-256 of the weights.

    Raises:
        SchemaError: another ending. ReadError: the folder is missing or full.
        MissingExtraError: safetensors is not installed.
    """
    safetensors = _safetensors()
    if path.suffix != ".safetensors":
        raise SchemaError(f"{path}: weights are written as .safetensors, not {path.suffix or 'without an ending'}")
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    data = _in_one_order(safetensors.numpy.save(contiguous, metadata=dict(about)))
    text = json.dumps(card(hashlib.sha256(data).hexdigest()), indent=2) + "\n"
    placed = False
    try:
        # The weights are in place first: a card never stands beside weights that could not be written.
        with whole_files.write_atomically(card_path(path)) as new_card:
            new_card.write_text(text, encoding="utf-8")
            with whole_files.write_atomically(path) as new:
                new.write_bytes(data)
            placed = True
    except OSError as error:
        state = f"its card {card_path(path).name} is not; convert again" if placed else "nothing was changed"
        done = f"{path} is written" if placed else f"cannot write {path}"
        raise ReadError(f"{done}: {error.strerror or error}; {state}") from None


def _in_one_order(data: bytes) -> bytes:
    """The same file with the words about it in the order of their names; safetensors writes them in any."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[end:]


def read_weight_file(path: Path) -> WeightFile:
    """Read weights.

    Raises:
        ReadError: no such file, a pickle, a TensorFlow checkpoint, a truncated file. SchemaError: not 32-bit floats.
        MissingExtraError: safetensors is not installed.
    """
    safetensors = _safetensors()
    data = _bytes_of(path)
    try:
        opened = safetensors.deserialize(data)
        about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    except Exception as error:
        raise ReadError(f"{path} is no complete safetensors file: {error}") from None
    tensors = {name: _tensor(path, name, entry) for name, entry in opened}
    return WeightFile(tensors, about, hashlib.sha256(data).hexdigest())


def read_card(path: Path) -> Any:
    """The card beside weights as parsed JSON; None where there is none.

    Raises:
        SchemaError: it is no JSON.
    """
    beside = card_path(path)
    if not beside.is_file():
        return None
    try:
        return json.loads(beside.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SchemaError(f"{beside} is no model card: {error}") from None


def require_hash(path: Path, said: str, found: str) -> None:
    """ReadError where a card speaks of other weights; a card without a hash speaks of any."""
    if said and said != found:
        raise ReadError(
            f"{path} has SHA-256 {found[:16]}..., its card {card_path(path).name} says {said[:16]}...: "
            "one of them was changed; convert the checkpoint again"
        )


def sha256_of(files: list[Path]) -> str:
    """Of the content of files one after the other."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        if path.is_dir() or Path(f"{path}.index").is_file():
            raise ReadError(
                f"{path} looks like a TensorFlow checkpoint; first: graphlab convert-checkpoint {path} NAME.safetensors"
            )
        raise ReadError(f"{path} does not exist; wanted a .safetensors file")
    with path.open("rb") as file:
        head = file.read(16)
        # The first byte of a safetensors file is a length, and may be that of a pickle; its header begins at the ninth.
        if head.startswith(PICKLES) and head[8:9] != b"{":
            raise ReadError(
                f"{path} is a pickle (PyTorch .pt/.pth/.ckpt). It is not loaded: unpickling runs whatever code is in "
                "it. Save its state dict with safetensors.torch.save_file where you trust it, and name that file"
            )
    return path.read_bytes()


def _tensor(path: Path, name: str, entry: Mapping[str, Any]) -> Array:
    if entry["dtype"] != "F32":
        raise SchemaError(f"{path}: {name} is {entry['dtype']}; weights are kept in F32, engines round them themselves")
    values: npt.NDArray[np.float32] = np.frombuffer(entry["data"], dtype="<f4").reshape(entry["shape"])
    return values


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("safetensors", "embed") from None
    return safetensors
