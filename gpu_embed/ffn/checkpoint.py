"""Weights of flood-filling networks: TensorFlow 1 and flax checkpoints in, ``.safetensors`` with a card in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpu_embed.checkpoints.tensor_bundle import TensorBundle
from gpu_embed.checkpoints.tensorflow import files_of, find_prefix
from gpu_embed.checkpoints.weight_files import (
    card_path,
    read_card,
    read_weight_file,
    require_hash,
    sha256_of,
    write_weight_file,
)
from gpu_embed.encoder.variables import Array, check_values
from gpu_embed.ffn.architecture import SCOPE, FfnArchitecture, check_weights, variables
from gpu_embed.ffn.flax_checkpoint import flax_file, read_flax, weights_from_flax
from gpu_embed.ffn.settings import PUBLISHED, FfnSettings
from ingest.schema.errors import ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution

FORMAT = 1
KIND = "flood-filling network"


@dataclass(frozen=True, slots=True)
class FfnCard:
    """Where weights come from, what network they are of and how it is to be used.

    Args:
        resolution: nm per voxel XYZ that the network was trained at; None if nobody said.
        source, source_sha256: what it was made from, and the hash of its files in the order of their names.
        weights_sha256: of the safetensors file.
        left_aside: variables of the source that were not taken (counters).
    """

    name: str
    architecture: FfnArchitecture
    settings: FfnSettings
    resolution: tuple[float, float, float] | None = None
    source: str = ""
    source_sha256: str = ""
    weights_sha256: str = ""
    left_aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields |= {"architecture": self.architecture.to_json(), "settings": self.settings.to_json()}
        return {"format": FORMAT, "kind": KIND, **fields}

    @classmethod
    def from_json(cls, document: Any, where: str) -> FfnCard:
        """Raises SchemaError for a document that is no card of such a network, VersionError for a newer one."""
        try:
            if document.get("kind") != KIND:
                raise SchemaError(f"{where} is no card of a {KIND}; name another checkpoint")
            if int(document["format"]) > FORMAT:
                raise VersionError(
                    f"{where} is a card of format {document['format']}; this version reads up to {FORMAT}: update"
                )
            resolution = document["resolution"]
            return cls(
                str(document["name"]),
                FfnArchitecture.from_json(document["architecture"]),
                FfnSettings.from_json(document["settings"]),
                Resolution(*map(float, resolution)).xyz if resolution is not None else None,
                source=str(document["source"]),
                source_sha256=str(document["source_sha256"]),
                weights_sha256=str(document["weights_sha256"]),
                left_aside=tuple(map(str, document["left_aside"])),
                notes=tuple(map(str, document["notes"])),
            )
        except VersionError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, SchemaError) and where in str(error):
                raise
            raise SchemaError(f"{where} is no card of a {KIND}: {type(error).__name__} {error}") from None


@dataclass(frozen=True, slots=True)
class FfnCheckpoint:
    """Weights (our names) and their card."""

    card: FfnCard
    weights: Mapping[str, Array]


def read_tensorflow_ffn(
    source: str | Path,
    settings: str,
    *,
    name: str | None = None,
    resolution: tuple[float, float, float] | None = None,
) -> FfnCheckpoint:
    """Read a TensorFlow 1 checkpoint (``model.ckpt-27465036`` of google/ffn); TensorFlow is not needed.

    Args:
        source: the prefix, its ``.index`` file, or a folder that holds one checkpoint.
        settings: name of published settings (``fib25``): field of view and moves are not in the weights. The
            checkpoint must have just the weights of their architecture; counters are left aside and listed.
        resolution: nm XYZ that it was trained at, where not that of the settings.

    Raises:
        ReadError: no checkpoint there, or a damaged one. SchemaError: another depth or width, NaN.
        UnknownNameError: settings that nobody published.
    """
    published = PUBLISHED.get(settings)
    a = published.architecture
    prefix = find_prefix(Path(source))
    bundle = TensorBundle(prefix)
    inside = {key for key in bundle.entries if key.startswith(f"{SCOPE}/")}
    if not inside:
        raise SchemaError(f"{prefix.name} has no variables {SCOPE}/...; wanted a checkpoint of google/ffn")
    ours = {v.theirs: v for v in variables(a.depth, a.features, a.layer_norm)}
    # Their shapes have the axes in another order: what fits is told as ours, what does not as it is.
    shapes = {_our_name(key): bundle.entries[key].shape for key in inside}
    shapes |= {
        v.ours: v.shape for key, v in ours.items() if key in inside and bundle.entries[key].shape == v.their_shape
    }
    check_weights(a, shapes)
    wrong = [key for key in ours if bundle.entries[key].dtype != "<f4"]
    if wrong:
        raise SchemaError(f"{wrong[0]} is {np.dtype(bundle.entries[wrong[0]].dtype)}, wanted float32")
    weights = {v.ours: v.from_theirs(bundle.read(v.theirs)) for v in ours.values()}
    check_values(weights)
    card = FfnCard(
        name or prefix.name,
        a,
        published.settings,
        resolution or published.resolution,
        source=prefix.name,
        source_sha256=sha256_of(files_of(prefix)),
        left_aside=tuple(sorted(set(bundle.entries) - inside)),
        notes=published.notes,
    )
    return FfnCheckpoint(card, weights)


def read_flax_ffn(source: str | Path, settings: str, part: str | None = None) -> FfnCheckpoint:
    """Read a msgpack file of flax (``ckpt-2116`` of LICONN); flax is not needed.

    Args:
        settings: as of ``read_tensorflow_ffn``.
        part: ``params`` or ``ema_params``, where a training's state holds both.

    Raises:
        ReadError: no such file, or of another kind. UnknownNameError: settings that nobody published.
        SchemaError: no network in it, several, another depth or width, NaN.
        MissingExtraError: msgpack is not installed.
    """
    published = PUBLISHED.get(settings)
    path = Path(source)
    weights, where, left_aside = weights_from_flax(read_flax(path), published.architecture, path.name, part)
    card = FfnCard(
        path.name,
        published.architecture,
        published.settings,
        published.resolution,
        source=f"{path.name}:{where}",
        source_sha256=sha256_of([path]),
        left_aside=left_aside,
        notes=published.notes,
    )
    return FfnCheckpoint(card, weights)


def save_ffn(path: str | Path, checkpoint: FfnCheckpoint) -> FfnCard:
    """Write ``path`` (.safetensors) and its card; nothing half-written. Returns the card with the hash of the weights.

    Raises:
        SchemaError: weights that do not fit the card's architecture, or are not finite.
        ReadError: the folder is missing or full.
        MissingExtraError: safetensors is not installed.
    """
    card = checkpoint.card
    check_weights(card.architecture, {name: value.shape for name, value in checkpoint.weights.items()})
    check_values(checkpoint.weights)
    about = {"format": str(FORMAT), "kind": KIND, "architecture": json.dumps(card.architecture.to_json())}

    def card_of(digest: str) -> Mapping[str, Any]:
        nonlocal card
        card = replace(card, weights_sha256=digest)
        return card.to_json()

    write_weight_file(Path(path), checkpoint.weights, about, card_of)
    return card


def load_ffn(path: str | Path) -> FfnCheckpoint:
    """Read weights and their card.

    Raises:
        ReadError: no such file, a pickle, a TensorFlow checkpoint, a truncated file, a card whose hash differs.
        SchemaError: no card, weights of another depth than the card's, NaN.
        MissingExtraError: safetensors is not installed.
    """
    path = Path(path)
    file = read_weight_file(path)
    document = read_card(path)
    if document is None:
        raise SchemaError(
            f"{path} has no card {card_path(path).name}, which says field of view, moves and settings; copy it along"
        )
    card = FfnCard.from_json(document, str(card_path(path)))
    require_hash(path, card.weights_sha256, file.sha256)
    check_weights(card.architecture, {name: value.shape for name, value in file.tensors.items()})
    check_values(file.tensors)
    return FfnCheckpoint(card, file.tensors)


def open_ffn(source: str | Path, settings: str | None = None) -> FfnCheckpoint:
    """Weights of any kind: safetensors with their card, or a checkpoint of TensorFlow or flax and its settings' name.

    ``FILE:ema_params`` takes one part of a flax file that holds several.

    Raises:
        SchemaError: a checkpoint without settings, safetensors with others than its card's architecture.
        ReadError: none is there.
    """
    path = Path(source)
    if path.suffix == ".safetensors":
        return _with_settings(load_ffn(path), path, settings)
    flax = flax_file(source)
    if settings is None:
        if flax is None and not path.exists() and not Path(f"{path}.index").is_file():
            raise ReadError(f"{path} does not exist; wanted .safetensors, or a checkpoint of TensorFlow or flax")
        names = ", ".join(name for name, _ in PUBLISHED)
        raise SchemaError(f"{path} does not say its field of view, moves and thresholds; name settings: {names}")
    if flax is not None:
        return read_flax_ffn(flax[0], settings, flax[1])
    if (path / "_CHECKPOINT_METADATA").exists() or (path / "manifest.ocdbt").exists():
        raise ReadError(
            f"{path} is a checkpoint of orbax, which is not read here; where flax is installed, write its params by "
            "flax.serialization.to_bytes to one file"
        )
    return read_tensorflow_ffn(path, settings)


def _with_settings(checkpoint: FfnCheckpoint, path: Path, settings: str | None) -> FfnCheckpoint:
    if settings is None:
        return checkpoint
    published = PUBLISHED.get(settings)
    if published.architecture != checkpoint.card.architecture:
        raise SchemaError(
            f"{path} is a network of {checkpoint.card.architecture}; settings {settings!r} are of one of "
            f"{published.architecture}. Leave the settings to its card"
        )
    return replace(checkpoint, card=replace(checkpoint.card, settings=published.settings))


def _our_name(theirs: str) -> str:
    layer, _, leaf = theirs.removeprefix(f"{SCOPE}/").rpartition("/")
    ours = {"weights": "weight", "biases": "bias"}
    return f"{layer}.{ours.get(leaf, leaf)}"
