"""Google's classifier folders (``configs.json`` and a checkpoint ``model_weights``), read without TensorFlow.

What their ``model_handler.save_model`` writes of a ``DeepResNetSNGP`` (google-research/connectomics, SegCLR): mean and
spread of embeddings, a residual network of bounded slopes, a Gaussian process with its precision.

Tests: tests/graphlab/predict/learners/windows/test_published.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict.evaluation import doubts
from graphlab.predict.inputs.examples import Floats
from graphlab.predict.inputs.windows import Windows, vote
from graphlab.predict.state import Array
from graphlab.statistics.ridge import Scaling
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError, VersionError

if TYPE_CHECKING:
    from graphlab.predict.learners.windows.network import WindowNetwork

CONFIGS, WEIGHTS = "configs.json", "model_weights"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
KINDS = ("DeepResNetSNGP", "DeepResNetSNGPWithCovReset")
BOUND = 6.0
"""Of their networks, whatever their configuration says: see docs/classifiers.md."""
MOST = 100_000
"""Layers, features or classes; a file that says more is none of theirs."""
AT_A_TIME = 8_192


@dataclass(frozen=True, eq=False)
class PublishedClassifier:
    """One of Google's classifiers of SegCLR embeddings."""

    network: WindowNetwork
    scale: Scaling
    variance_scale: float
    """How much a variance flattens logits; ``sngp_lambda`` in their file."""
    models: tuple[str, ...]
    """Names of the embeddings that it was trained on."""
    classes: tuple[str, ...]
    """As given; numbers where nobody said, since their folders do not."""

    def window_logits(self, vectors: Array) -> tuple[Floats, Floats]:
        """(logits [windows, classes], variance [windows]) as their network says them.

        Raises:
            VersionError: vectors of another width.
        """
        import torch

        from graphlab.predict.learners.windows.heads import one_torch_thread

        if vectors.ndim != 2 or vectors.shape[1] != len(self.scale.mean):
            raise VersionError(
                f"this classifier was trained on windows of {len(self.scale.mean)} numbers ({', '.join(self.models)}), "
                f"these are of shape {vectors.shape}: they are of another encoder"
            )
        logits, variance = np.empty((len(vectors), len(self.classes))), np.empty(len(vectors))
        with one_torch_thread():
            for at in range(0, len(vectors), AT_A_TIME):
                part = slice(at, at + AT_A_TIME)
                x = np.asarray(self.scale(vectors[part].astype(np.float64)), dtype=np.float32)
                said = self.network.said(torch.from_numpy(x))
                logits[part], variance[part] = (one.double().numpy() for one in said)
        return logits, variance

    def judge(self, windows: Windows) -> tuple[Floats, Floats]:
        """(probability [cells, classes], Dempster-Shafer doubt [cells]): means over the windows of each cell."""
        adjusted = doubts.mean_field(*self.window_logits(windows.vectors), self.variance_scale)
        owner = windows.owner
        probability = vote(doubts.softmax(adjusted), owner, windows.n)
        return probability, vote(doubts.dempster_shafer(adjusted), owner, windows.n)


def read_published(folder: str | Path, classes: Sequence[str] | None = None) -> PublishedClassifier:
    """Read a folder that Google's ``save_model`` wrote.

    Args:
        classes: names of the labels, in the order in which it was trained; their folders hold none.

    Raises:
        ReadError: files that are missing or damaged. SchemaError: another kind of network, weights that do not fit,
        as many names as labels were wanted. MissingExtraError: torch is missing.
    """
    from gpu_embed.checkpoints.tensor_bundle import TensorBundle

    try:
        from gpu_embed.training.random_state import own_random_state
        from graphlab.predict.learners.windows import network as networks
    except ImportError:
        raise MissingExtraError("torch", "gnn") from None
    import torch

    at = Path(folder)
    config, more = _configs(at)
    if not config.get("scale_random_features", True):
        raise SchemaError(f"{at}: random features that are not scaled; wanted scale_random_features true")
    mean, spread = (_numbers(more, f"standardization_{name}", at) for name in ("mean", "std"))
    if len(mean) != len(spread) or not (spread > 0).all():
        raise SchemaError(f"{at / CONFIGS}: {len(mean)} means and {len(spread)} spreads above 0; wanted as many")
    shape = networks.NetworkShape(
        len(mean),
        _whole(config, "num_classes", at),
        _whole(config, "num_hidden", at),
        _whole(config, "num_layers", at),
        BOUND,
        _whole(config, "num_inducing", at),
        float(config.get("gp_cov_ridge_penalty", 1e-3)),
    )
    names = tuple(classes) if classes is not None else tuple(map(str, range(shape.classes)))
    if len(names) != shape.classes:
        raise SchemaError(f"{at} tells {shape.classes} labels apart, and {len(names)} names were given")
    bundle = TensorBundle(at / WEIGHTS)
    with own_random_state():
        network = networks.WindowNetwork(shape)
    state = {ours: _tensor(bundle, theirs, at) for ours, theirs in _names(shape.layers).items()}
    wanted = network.state_dict()
    for name, values in state.items():
        # A kernel of TensorFlow is [inputs, outputs]; ours of a linear layer is the other way round.
        turned = values.T if name.endswith(".weight") and values.ndim == 2 else values
        fitting = turned.reshape(-1) if name.rsplit(".", 1)[-1] in ("u", "v") else turned
        if fitting.shape != tuple(wanted[name].shape):
            raise SchemaError(
                f"{at / WEIGHTS}: {name} has the shape {fitting.shape}, {CONFIGS} says {tuple(wanted[name].shape)}"
            )
        wanted[name] = torch.from_numpy(np.array(fitting)).to(wanted[name].dtype)
    network.load_state_dict(wanted)
    said = more.get("emb_model_strs") or []
    models = tuple(map(str, said)) if isinstance(said, list) else (str(said),)
    variance_scale = float(more.get("sngp_lambda", doubts.LAMBDA))
    return PublishedClassifier(network.eval(), Scaling(mean, spread), variance_scale, models, names)


def _configs(at: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(sizes of the network, what was saved beside them)."""
    try:
        document = json.loads((at / CONFIGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise ReadError(f"{at / CONFIGS}: {why}; wanted a folder that Google's save_model wrote") from None
    parts = [document.get(name) if isinstance(document, dict) else None for name in ("model_config", "add_config")]
    config, more = parts
    if not (isinstance(config, dict) and isinstance(more, dict)):
        raise SchemaError(f"{at / CONFIGS} has no model_config and add_config; wanted what Google's save_model writes")
    kind = more.get("model_class_name")
    if kind not in KINDS:
        raise SchemaError(f"{at} holds a network of the class {kind!r}; those that are read are {', '.join(KINDS)}")
    return config, more


def _whole(config: Mapping[str, Any], name: str, at: Path) -> int:
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST:
        raise SchemaError(f"{at / CONFIGS}: {name} is {value!r}; wanted a whole number from 1 to {MOST:,}")
    return value


def _numbers(more: Mapping[str, Any], name: str, at: Path) -> Floats:
    try:
        values = np.asarray(more.get(name), dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise SchemaError(f"{at / CONFIGS}: {name} is no list of numbers")
    return values


def _names(layers: int) -> dict[str, str]:
    """Our names of weights -> theirs; a bounded kernel is ``w`` of its wrapper."""
    process = "classifier/_"
    found = {
        "entry.weight": "input_layer_train/kernel",
        "entry.bias": "input_layer_train/bias",
        "last.norm.weight": f"{process}input_norm_layer/gamma",
        "last.norm.bias": f"{process}input_norm_layer/beta",
        "last.kernel": f"{process}random_feature/kernel",
        "last.phase": f"{process}random_feature/bias",
        "last.output.weight": f"{process}gp_output_layer/kernel",
        "last.bias": f"{process}gp_output_bias",
        "last.precision": f"{process}gp_cov_layer/gp_precision_matrix",
    }
    for number in range(layers):
        for ours, theirs in (("first", "dense_layers_1"), ("second", "dense_layers_2")):
            layer = f"{theirs}/{number}"
            found |= {f"{ours}.{number}.weight": f"{layer}/w", f"{ours}.{number}.bias": f"{layer}/layer/bias"}
            found |= {f"{ours}.{number}.{vector}": f"{layer}/{vector}" for vector in "uv"}
    return found


def _tensor(bundle: Any, name: str, at: Path) -> Array:
    if f"{name}{VALUE}" not in bundle.entries:
        raise SchemaError(f"{at / WEIGHTS} has no variable {name}; wanted a classifier that Google's save_model wrote")
    values: Array = bundle.read(f"{name}{VALUE}")
    if not np.isfinite(values).all():
        raise SchemaError(f"{at / WEIGHTS}: {name} has numbers that are not finite")
    return values
