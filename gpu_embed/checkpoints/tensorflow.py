"""TensorFlow checkpoints of SegCLR encoders, read and written; TensorFlow itself is the reader (an extra).

Google publishes TensorFlow 1 weights saved again by TensorFlow 2 (``segclr-216000`` for MICrONS, ``segclr-355200``
for h01): an object graph whose variables keep their old names. Plain TensorFlow 1 files (names as keys) are read too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard
from gpu_embed.checkpoints.weight_files import sha256_of
from gpu_embed.encoder.architectures import ARCHITECTURES, Architecture
from gpu_embed.encoder.variables import Array, check_values, differences, misfit, variables
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
STORE = ("_tf1_style_var_store", "_vars")
COUNTERS = re.compile(r"global_step|save_counter|(.*/)?(beta[12]_power|iter|learning_rate|decay|momentum)")
OPTIMIZER = re.compile(r"_?optimizer/.*|.*/\.OPTIMIZER_SLOT/.*")
PROJECTION = re.compile(r"_?projection_head(_\d+)*/.+")
RENORM = ("renorm_mean", "renorm_stddev", "moving_stddev", "renorm_mean_weight", "renorm_stddev_weight")


@dataclass(frozen=True, slots=True)
class SortedVariables:
    """Variables of a file, sorted by use."""

    encoder: dict[str, Array]
    training: dict[str, Array]
    left_aside: tuple[str, ...]
    left_over: tuple[str, ...]


def read_tensorflow(
    source: str | Path,
    architecture: Architecture,
    *,
    name: str | None = None,
    resolution: tuple[float, float, float] | None = None,
) -> Checkpoint:
    """Read a checkpoint into our names and layout.

    Args:
        source: the prefix (``.../model.ckpt-216000.training_tf2resaved-1``), its ``.index`` file, or a folder that
            holds one checkpoint.
        architecture: what it must hold, exactly: a variable that is missing, left over or of another shape is an
            error. Renorm state and projection head are kept for training; optimizer slots and counters are left
            aside and listed in the card.

    Raises:
        ReadError: no checkpoint there, or a damaged one.
        SchemaError: another architecture, NaN.
        MissingExtraError: TensorFlow is not installed.
    """
    prefix = find_prefix(Path(source))
    tf = tensorflow()
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        # Every value is read here, so that a damaged shard is an error and not a surprise.
        contents = _sort(_named(reader), architecture)
    except SchemaError:
        raise
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError, OSError) as error:
        raise ReadError(f"{prefix} cannot be read as a TensorFlow checkpoint: {str(error).splitlines()[0]}") from None
    _fit(contents, architecture)
    check_values(contents.encoder | contents.training)
    weights = {v.ours: v.from_theirs(contents.encoder[v.theirs]) for v in variables(architecture)}
    files = files_of(prefix)
    card = ModelCard(
        name or prefix.name,
        architecture,
        resolution,
        source=prefix.name,
        source_sha256=sha256_of(files),
        left_aside=contents.left_aside,
    )
    return Checkpoint(card, weights, contents.training)


def write_tensorflow(prefix: str | Path, checkpoint: Checkpoint) -> Path:
    """Write weights and training state under TensorFlow's names, as the object graph that Google's loader restores.

    Returns:
        The prefix: ``tf.train.Checkpoint(LegacySegClrModel()).restore(prefix)`` reads it.

    Raises:
        MissingExtraError: TensorFlow is not installed. ReadError: the folder cannot be written.
    """
    tf = tensorflow()
    prefix = Path(prefix)
    a = checkpoint.card.architecture
    values = {v.theirs: v.to_theirs(checkpoint.weights[v.ours]) for v in variables(a)}
    # Google's loader asserts that everything it makes is in the file, its counter of saves too.
    root = tf.Module()
    root.save_counter = tf.Variable(0, dtype=tf.int64, name="save_counter")
    for name, value in (values | dict(checkpoint.training)).items():
        *path, leaf = (*STORE, name) if a.published else name.split("/")
        node = root
        for part in path:
            if not hasattr(node, part):
                setattr(node, part, tf.Module())
            node = getattr(node, part)
        setattr(node, leaf, tf.Variable(value, name=name))
    # Under another name until it is whole: the index comes last.
    new = prefix.with_name(f".{prefix.name}.{os.getpid()}")
    try:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        tf.train.Checkpoint(root).write(str(new))
        files = sorted(new.parent.glob(f"{_literal(new.name)}.*"), key=lambda file: file.suffix == ".index")
        for file in files:
            file.replace(prefix.with_name(prefix.name + file.name.removeprefix(new.name)))
    except (tf.errors.OpError, OSError) as error:
        raise ReadError(f"cannot write {prefix}: {str(error).splitlines()[0]}") from None
    finally:
        for file in new.parent.glob(f"{_literal(new.name)}.*"):
            file.unlink(missing_ok=True)
    return prefix


def find_prefix(source: Path) -> Path:
    """The prefix that a folder, an index file or a prefix means; ReadError says what was there instead."""
    if source.is_dir():
        index_files = sorted(source.glob("*.index"))
        if len(index_files) != 1:
            names = ", ".join(file.name for file in index_files[:4]) or "none"
            raise ReadError(f"{source} holds {len(index_files)} checkpoints ({names}); name one of the .index files")
        source = index_files[0]
    prefix = source.with_suffix("") if source.suffix == ".index" else source
    if not Path(f"{prefix}.index").is_file():
        raise ReadError(f"{prefix}.index does not exist; wanted a TensorFlow checkpoint (.index and .data-* files)")
    if not list(prefix.parent.glob(f"{_literal(prefix.name)}.data-*")):
        raise ReadError(f"{prefix}.data-00000-of-00001 is missing beside its .index; copy both files")
    return prefix


def files_of(prefix: Path) -> list[Path]:
    """The index and the shards of a checkpoint, in the order of their names."""
    name = _literal(prefix.name)
    return [*sorted(prefix.parent.glob(f"{name}.index")), *sorted(prefix.parent.glob(f"{name}.data-*"))]


def _named(reader: Any) -> dict[str, Any]:
    """Readable name -> value. In an object graph a variable is called by its old full name if it has one."""
    keys = reader.get_variable_to_shape_map()
    full: dict[str, str] = {}
    if OBJECT_GRAPH in keys:
        from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

        graph = TrackableObjectGraph()
        graph.ParseFromString(reader.get_tensor(OBJECT_GRAPH))
        full = {a.checkpoint_key: a.full_name for node in graph.nodes for a in node.attributes}
    named: dict[str, Any] = {}
    for key in keys:
        if key == OBJECT_GRAPH:
            continue
        path = key.removesuffix(SUFFIX)
        parent, _, leaf = path.rpartition("/")
        if parent.endswith("/".join(STORE)):
            name = leaf.replace(".S", "/").replace("..", ".")
        elif "/" in full.get(key, "") and not path.startswith(("resnet_model/", "_bottleneck_head/", "model/")):
            name = full[key]
        else:
            name = path.removeprefix("model/")
        if name in named:
            raise SchemaError(f"two variables of the checkpoint are called {name}; it holds more than one model")
        named[name] = reader.get_tensor(key)
    return named


def _sort(named: Mapping[str, Any], architecture: Architecture) -> SortedVariables:
    wanted = {v.theirs for v in variables(architecture)}
    norms = {name.rpartition("/")[0] for name in wanted if name.endswith("/moving_mean")}
    encoder: dict[str, Array] = {}
    training: dict[str, Array] = {}
    aside, over = [], []
    for name, value in named.items():
        parent, _, leaf = name.rpartition("/")
        if name in wanted:
            encoder[name] = np.asarray(value)
        elif COUNTERS.fullmatch(name) or OPTIMIZER.fullmatch(name) or parent in named:
            # TensorFlow 1 files an optimizer's slots under the variable: .../kernel/Momentum.
            aside.append(name)
        elif (parent in norms and leaf in RENORM) or PROJECTION.fullmatch(name):
            training[name] = np.asarray(value)
        else:
            over.append(name)
    return SortedVariables(encoder, training, tuple(sorted(aside)), tuple(sorted(over)))


def _fit(contents: SortedVariables, architecture: Architecture) -> None:
    shapes = {name: tuple(value.shape) for name, value in contents.encoder.items()}
    shapes |= dict.fromkeys(contents.left_over, ())
    problems = differences({v.theirs: v.their_shape for v in variables(architecture)}, shapes)
    problems += [
        f"{name} is {value.dtype}, wanted float32"
        for name, value in (contents.encoder | contents.training).items()
        if value.dtype != np.float32
    ]
    if problems:
        fits = [
            a.name for _, a in ARCHITECTURES if not differences({v.theirs: v.their_shape for v in variables(a)}, shapes)
        ]
        raise misfit(architecture, problems, fits)


def _literal(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


def tensorflow() -> Any:
    """The module, quiet; MissingExtraError where it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError:
        raise MissingExtraError("TensorFlow", "tensorflow") from None
    return tf
