"""Encoders on disk: ``<name>.safetensors`` and, beside it, ``<name>.json``, the model card.

Files that would have to be unpickled are never opened for loading: a pickle runs the code it contains.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.architectures import Architecture
from gpu_embed.encoder.variables import Array, check_values, check_weights
from ingest.running import whole_files
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution

FORMAT = 1
TRAINING = "training/"
"""Prefix of tensors that inference does not read: renorm state and projection head, under their TensorFlow names."""
PICKLES = (b"\x80", b"PK\x03\x04", b"c__builtin__", b"(dp", b"ccopy_reg")
NORMALISATION = "uint8 / 255; 0 outside the segment at the centre; embeddings are not normalised"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Where weights come from and what they want to see.

    Args:
        name: of the model, as embeddings are filed under.
        architecture: see ``Architecture``.
        resolution: nm per voxel XYZ of the EM that the model was trained on; None if nobody said.
        source: what it was made from, in the words of whoever made it (a path's last part, a URL).
        source_sha256: of the source's files, together in the order of their names.
        weights_sha256: of the safetensors file.
        left_aside: variables of the source that were not taken (optimizer state, counters).
        notes: anything else.
    """

    name: str
    architecture: Architecture
    resolution: tuple[float, float, float] | None = None
    source: str = ""
    source_sha256: str = ""
    weights_sha256: str = ""
    left_aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        side = self.architecture.crop
        crop_nm = [side * step for step in self.resolution] if self.resolution else None
        return {
            "format": FORMAT,
            **asdict(self),
            "input": {
                "dtype": "uint8",
                "shape_zyx": [side] * 3,
                "crop_nm_xyz": crop_nm,
                "normalisation": NORMALISATION,
            },
        }

    @classmethod
    def from_json(cls, document: Any, where: str) -> ModelCard:
        """Raises SchemaError for a document that is no card, VersionError for one of a newer format."""
        try:
            version = int(document["format"])
            if version > FORMAT:
                raise VersionError(f"{where} is a card of format {version}; this version reads up to {FORMAT}: update")
            resolution = document["resolution"]
            return cls(
                str(document["name"]),
                Architecture(**document["architecture"]),
                Resolution(*map(float, resolution)).xyz if resolution is not None else None,
                source=str(document["source"]),
                source_sha256=str(document["source_sha256"]),
                weights_sha256=str(document["weights_sha256"]),
                left_aside=tuple(map(str, document["left_aside"])),
                notes=tuple(map(str, document["notes"])),
            )
        except VersionError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise SchemaError(f"{where} is no model card: {type(error).__name__} {error}") from None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights (our names), what only training reads (TensorFlow's names), and the card."""

    card: ModelCard
    weights: Mapping[str, Array]
    training: Mapping[str, Array] = field(default_factory=dict)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> ModelCard:
    """Write ``path`` (.safetensors) and its card; nothing half-written. Returns the card with the hash of the weights.

    Raises:
        SchemaError: weights that do not fit the card's architecture, or are not finite.
        ReadError: the folder is missing or full.
        MissingExtraError: safetensors is not installed.
    """
    safetensors = _safetensors()
    path = Path(path)
    if path.suffix != ".safetensors":
        raise SchemaError(f"{path}: weights are written as .safetensors, not {path.suffix or 'without an ending'}")
    check_weights(checkpoint.card.architecture, {name: value.shape for name, value in checkpoint.weights.items()})
    check_values(checkpoint.weights)
    tensors = {name: np.ascontiguousarray(value) for name, value in checkpoint.weights.items()}
    tensors |= {TRAINING + name: np.ascontiguousarray(value) for name, value in checkpoint.training.items()}
    about = {"format": str(FORMAT), "architecture": json.dumps(asdict(checkpoint.card.architecture))}
    data = safetensors.numpy.save(tensors, metadata=about)
    fields = {name: getattr(checkpoint.card, name) for name in ModelCard.__dataclass_fields__}
    card = ModelCard(**{**fields, "weights_sha256": hashlib.sha256(data).hexdigest()})
    text = json.dumps(card.to_json(), indent=2) + "\n"
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
    return card


def load_checkpoint(path: str | Path, architecture: Architecture | None = None) -> Checkpoint:
    """Read weights and card; the card may be missing when the architecture is given or written in the file.

    Raises:
        ReadError: no such file, a pickle, a TensorFlow checkpoint, a truncated file, a card whose hash differs.
        SchemaError: weights of another architecture, NaN, an invalid card.
        MissingExtraError: safetensors is not installed.
    """
    safetensors = _safetensors()
    path = Path(path)
    data = _bytes_of(path)
    try:
        opened = safetensors.deserialize(data)
        about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    except Exception as error:
        raise ReadError(f"{path} is no complete safetensors file: {error}") from None
    tensors = {name: _tensor(path, name, entry) for name, entry in opened}
    card = _card(path, about, architecture)
    if card.weights_sha256 and card.weights_sha256 != (digest := hashlib.sha256(data).hexdigest()):
        raise ReadError(
            f"{path} has SHA-256 {digest[:16]}..., its card {card_path(path).name} says "
            f"{card.weights_sha256[:16]}...: one of them was changed; convert the checkpoint again"
        )
    training = {name.removeprefix(TRAINING): value for name, value in tensors.items() if name.startswith(TRAINING)}
    weights = {name: value for name, value in tensors.items() if not name.startswith(TRAINING)}
    check_weights(card.architecture, {name: value.shape for name, value in weights.items()})
    check_values(weights)
    return Checkpoint(card, weights, training)


def card_path(path: Path) -> Path:
    return path.with_suffix(".json")


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


def _card(path: Path, about: Mapping[str, Any], wanted: Architecture | None) -> ModelCard:
    beside = card_path(path)
    card: ModelCard | None = None
    if beside.is_file():
        try:
            card = ModelCard.from_json(json.loads(beside.read_text(encoding="utf-8")), str(beside))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SchemaError(f"{beside} is no model card: {error}") from None
    elif "architecture" in about:
        try:
            architecture = json.loads(str(about["architecture"]))
        except ValueError as error:
            raise SchemaError(f"{path}: the architecture in its metadata is no JSON: {error}") from None
        document = {"format": about.get("format", FORMAT), "architecture": architecture}
        document |= {"name": path.stem, "resolution": None, "source": "", "source_sha256": "", "weights_sha256": ""}
        card = ModelCard.from_json(document | {"left_aside": [], "notes": []}, str(path))
    if card is None and wanted is None:
        raise SchemaError(f"{path} has no card {beside.name} and does not say its architecture; name the architecture")
    if card is None:
        assert wanted is not None
        return ModelCard(path.stem, wanted)
    if wanted is not None and wanted != card.architecture:
        raise SchemaError(
            f"{path} holds architecture {describe(card.architecture)}; wanted {describe(wanted)}. "
            "Name another checkpoint or another architecture"
        )
    return card


def describe(a: Architecture) -> str:
    return f"{a.name!r} (crop {a.crop}, width {a.width}, {a.outputs} outputs, {a.order})"


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("safetensors", "embed") from None
    return safetensors
