"""Weights of Google's JAX network from msgpack files as flax writes them; neither flax nor JAX is needed.

Tests: tests/gpu_embed/ffn/test_flax_checkpoint.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gpu_embed.encoder.variables import Array, Variable, check_values
from gpu_embed.ffn.architecture import FfnArchitecture, check_weights, variables
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError, did_you_mean

NDARRAY, COMPLEX, SCALAR = 1, 2, 3
"""Extension types of flax."""
CHUNKED = "__msgpack_chunked_array__"
NUMBERED = re.compile(r"\d+:")
"""Before names of layers, where a network was told to number them."""
OPTIMISER = ("opt_state", "optimizer_state")
"""Running means of an optimiser have the shapes of weights."""
EXACT = ("float32", "float16", "bfloat16")
"""Types whose numbers float32 holds."""
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias"}
RESIDUAL = re.compile(r"res(\d+)([ab])")
NORM = re.compile(r"LayerNorm_(\d+)")
FIXED = {"pre_a": "conv0_a", "pre_b": "conv0_b", "output": "conv_lom"}


def flax_file(source: str | Path) -> tuple[Path, str | None] | None:
    """The file that ``PATH`` or ``PATH:PART`` names, and the part; None where it is no such file.

    ``ckpt-7`` also names ``ckpt-7.flax``, as clu writes it.
    """
    whole = Path(source)
    named, _, part = str(source).rpartition(":")
    for path, chosen in ((whole, None), *([(Path(named), part)] if named else [])):
        for file in (path, Path(f"{path}.flax")):
            if file.is_file() and file.suffix not in (".index", ".meta") and ".data-" not in file.name:
                return file, chosen
    return None


def read_flax(path: Path) -> Any:
    """The tree that flax serialised: dicts, numbers, arrays.

    Raises:
        ReadError: no such file, or of another kind. MissingExtraError: msgpack is not installed.
    """
    try:
        import msgpack
    except ImportError:
        raise MissingExtraError("msgpack", "ffn") from None

    def extension(code: int, data: bytes) -> Any:
        if code == COMPLEX:
            return complex(*msgpack.unpackb(data))
        if code not in (NDARRAY, SCALAR):
            raise ValueError(f"an extension of type {code}, which flax does not write")
        shape, kind, content = msgpack.unpackb(data, raw=True)
        value = _array(content, kind.decode("ascii"), shape)
        return value if code == NDARRAY else value[()]

    try:
        content = path.read_bytes()
        return _unchunked(msgpack.unpackb(content, ext_hook=extension, raw=False, strict_map_key=False))
    except OSError as error:
        raise ReadError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # whatever damaged bytes lead msgpack and numpy to
        raise ReadError(
            f"{path} is no msgpack file of flax, or a damaged one ({type(error).__name__}: {error}); wanted what "
            "flax.serialization.to_bytes writes"
        ) from None


def weights_from_flax(
    tree: Any, architecture: FfnArchitecture, what: str, part: str | None = None
) -> tuple[dict[str, Array], str, tuple[str, ...]]:
    """Weights (our names) out of a training's state, the place where they stood, and what was left aside.

    Args:
        part: ``params``, ``ema_params``, ...; needed where there are several.

    Raises:
        SchemaError: no network in it, several, another depth or width, NaN, numbers that float32 does not hold.
    """
    stacks = dict(_stacks(tree, ()))
    names = {"/".join(path): path for path in stacks}
    if not names:
        raise SchemaError(f"{what} holds no weights of Google's JAX network (pre_a, res0a, ..., output)")
    fitting = [name for name in names if part is None or name == part or part in names[name]]
    if part is not None and not fitting:
        raise SchemaError(f"{what} has no part {part!r}{did_you_mean(part, names)}; it has {', '.join(names)}")
    if len(fitting) > 1:
        raise SchemaError(
            f"{what} holds several sets of weights; name one: {', '.join(f'{what}:{n}' for n in fitting)}"
        )
    path = names[fitting[0]]
    found = _named(stacks[path], what)
    wanted = {v.ours: v for v in variables(architecture.depth, architecture.features, architecture.layer_norm)}
    check_weights(architecture, {name: _our_shape(wanted.get(name), value.shape) for name, value in found.items()})
    weights = {name: wanted[name].from_theirs(value) for name, value in found.items()}
    check_values(weights)
    return weights, fitting[0], tuple(sorted(_beside(tree, path)))


def _stacks(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Dicts that hold the layers of a network."""
    if not isinstance(tree, dict):
        return
    for name, layer in tree.items():
        if _plain(name) == "pre_a" and isinstance(layer, dict) and getattr(layer.get("kernel"), "ndim", 0) == 5:
            yield path, tree
            return
    for name, branch in tree.items():
        if name not in OPTIMISER:
            yield from _stacks(branch, (*path, str(name)))


def _named(stack: Mapping[str, Any], what: str) -> dict[str, Array]:
    found: dict[str, Array] = {}
    norms = [int(match[1]) for name in stack if (match := NORM.fullmatch(_plain(name)))]
    for layer, leaves in stack.items():
        for leaf, value in (leaves if isinstance(leaves, dict) else {"": leaves}).items():
            name = f"{_our_layer(_plain(layer), max(norms, default=0))}.{LEAVES.get(leaf, leaf)}"
            if name in found:
                raise SchemaError(f"{what} holds {layer}/{leaf} twice")
            if not isinstance(value, np.ndarray) or value.dtype.name not in EXACT:
                kind = value.dtype.name if isinstance(value, np.ndarray) else type(value).__name__
                raise SchemaError(f"{what}: {layer}/{leaf} is {kind}, wanted one of {', '.join(EXACT)}")
            found[name] = value.astype(np.float32)
    return found


def _our_layer(theirs: str, last_norm: int) -> str:
    """JAX counts modules from the second on: its first two convolutions are none."""
    if match := RESIDUAL.fullmatch(theirs):
        return f"conv{int(match[1]) + 1}_{match[2]}"
    if match := NORM.fullmatch(theirs):
        return "norm_lom" if int(match[1]) == last_norm else f"norm{match[1]}"
    return FIXED.get(theirs, theirs)


def _our_shape(variable: Variable | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Their axes are in another order: what fits is told as ours, what does not as it is."""
    return variable.shape if variable is not None and variable.their_shape == shape else shape


def _plain(name: Any) -> str:
    return NUMBERED.sub("", str(name), count=1)


def _beside(tree: Any, path: tuple[str, ...]) -> Iterator[str]:
    for depth, step in enumerate(path):
        for name in tree:
            if str(name) != step:
                yield "/".join((*path[:depth], str(name)))
        tree = tree[step]


def _array(content: bytes, kind: str, shape: Any) -> Any:
    if kind == "bfloat16":  # the upper half of a float32
        return (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return np.frombuffer(content, np.dtype(kind).newbyteorder("<")).reshape(shape)


def _unchunked(tree: Any) -> Any:
    """Arrays that were too long for one message, whole again."""
    if not isinstance(tree, dict):
        return tree
    if CHUNKED in tree:
        shape, chunks = ([tree[name][str(i)] for i in range(len(tree[name]))] for name in ("shape", "chunks"))
        return np.concatenate(chunks).reshape(shape)
    return {name: _unchunked(branch) for name, branch in tree.items()}
