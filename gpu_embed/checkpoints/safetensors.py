"""Encoders on disk: ``<name>.safetensors`` and, beside it, ``<name>.json``, the model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gpu_embed.checkpoints.weight_files import (
    card_path,
    read_card,
    read_weight_file,
    require_hash,
    write_weight_file,
)
from gpu_embed.encoder.architectures import Architecture
from gpu_embed.encoder.variables import Array, check_values, check_weights
from ingest.schema.errors import SchemaError, VersionError
from ingest.schema.space import Resolution

FORMAT = 1
TRAINING = "training/"
"""Prefix of tensors that inference does not read: renorm state and projection head, under their TensorFlow names."""
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
    path = Path(path)
    check_weights(checkpoint.card.architecture, {name: value.shape for name, value in checkpoint.weights.items()})
    check_values(checkpoint.weights)
    tensors = {**checkpoint.weights, **{TRAINING + name: value for name, value in checkpoint.training.items()}}
    about = {"format": str(FORMAT), "architecture": json.dumps(asdict(checkpoint.card.architecture))}
    card = checkpoint.card

    def card_of(digest: str) -> Mapping[str, Any]:
        nonlocal card
        card = replace(card, weights_sha256=digest)
        return card.to_json()

    write_weight_file(path, tensors, about, card_of)
    return card


def load_checkpoint(path: str | Path, architecture: Architecture | None = None) -> Checkpoint:
    """Read weights and card; the card may be missing when the architecture is given or written in the file.

    Raises:
        ReadError: no such file, a pickle, a TensorFlow checkpoint, a truncated file, a card whose hash differs.
        SchemaError: weights of another architecture, NaN, an invalid card.
        MissingExtraError: safetensors is not installed.
    """
    path = Path(path)
    file = read_weight_file(path)
    tensors = file.tensors
    card = _card(path, file.about, architecture)
    require_hash(path, card.weights_sha256, file.sha256)
    training = {name.removeprefix(TRAINING): value for name, value in tensors.items() if name.startswith(TRAINING)}
    weights = {name: value for name, value in tensors.items() if not name.startswith(TRAINING)}
    check_weights(card.architecture, {name: value.shape for name, value in weights.items()})
    check_values(weights)
    return Checkpoint(card, weights, training)


def _card(path: Path, about: Mapping[str, Any], wanted: Architecture | None) -> ModelCard:
    document = read_card(path)
    card: ModelCard | None = None
    if document is not None:
        card = ModelCard.from_json(document, str(card_path(path)))
    elif "architecture" in about:
        try:
            architecture = json.loads(str(about["architecture"]))
        except ValueError as error:
            raise SchemaError(f"{path}: the architecture in its metadata is no JSON: {error}") from None
        document = {"format": about.get("format", FORMAT), "architecture": architecture}
        document |= {"name": path.stem, "resolution": None, "source": "", "source_sha256": "", "weights_sha256": ""}
        card = ModelCard.from_json(document | {"left_aside": [], "notes": []}, str(path))
    if card is None and wanted is None:
        raise SchemaError(
            f"{path} has no card {card_path(path).name} and does not say its architecture; name the architecture"
        )
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
