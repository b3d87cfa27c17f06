"""How segclr_parity.npz was made: Google's own code, filled by our seeded rule. Not a test, and not run by one.

Needs the published connectomics package (20250606), TensorFlow, tf_keras and the public simclr sources in a folder
that is on PYTHONPATH (as is its simclr/tf2), none of which are part of this repository:

    TF_USE_LEGACY_KERAS=1 PYTHONPATH=.:SOURCES:SOURCES/simclr/tf2 python tests/data/make_segclr_parity.py

Two sets of expected embeddings for each network: weights by the rule alone, and the same with the norms' moments
replaced by those that our encoder measured on four other crops (stored in the file): there embeddings differ from
crop to crop as much as they are long.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from gpu_embed.encoder.architectures import architecture
from gpu_embed.encoder.network import encoder_of, recalibrate
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import seeded_value, seeded_weights, variables

SEED, CROPS_SEED, MOMENTS_SEED, CROPS, MOMENTS_CROPS = 20220819, 5, 6, 3, 4


def moments_of(name: str) -> dict[str, np.ndarray]:
    """What every norm sees, by TensorFlow's names."""
    a = architecture(name)
    encoder = encoder_of(a, seeded_weights(a, SEED))
    recalibrate(encoder, phantom_crops(a.crop, MOMENTS_CROPS, MOMENTS_SEED))
    state = {key: value.numpy() for key, value in encoder.state_dict().items()}
    return {v.theirs: state[v.ours] for v in variables(a) if v.kind.startswith("moving")}


def published() -> tuple[Any, dict[str, Any]]:
    """Google's TensorFlow 1 network: a function, and its variables by name."""
    import tensorflow as tf
    from connectomics.segclr.tf2.legacy_model import LegacySegClrModel

    model = LegacySegClrModel()
    model(tf.zeros([1, 129, 129, 129, 1]), training=False)
    return lambda x: model(x, training=False)[0], dict(model._tf1_style_var_store._vars)


def port() -> tuple[Any, dict[str, Any]]:
    """Google's TensorFlow 2 network: a function to its bottleneck, and its variables by path in the object graph."""
    import tensorflow as tf
    from absl import flags
    from connectomics.segclr.tf2 import model as models

    flags.FLAGS(["parity"])
    model = models.Model(18, 16, 3, 64, 3)
    model(tf.zeros([1, 129, 129, 129, 1]), training=False)
    found: dict[str, Any] = {}
    seen, queue = set(), [("", model)]
    while queue:
        path, node = queue.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, tf.Variable):
            found[path] = node
            continue
        queue += [
            (f"{path}/{name}".lstrip("/"), child) for name, child in tf.train.TrackableView.children(node).items()
        ]
    return lambda x: model._bottleneck_head(model.resnet_model(x, training=False), training=False)[0], found


def main(target: Path) -> None:
    import simclr.tf2.resnet  # noqa: F401 - defines flags that the port reads
    import tensorflow as tf

    crops = phantom_crops(129, CROPS, CROPS_SEED)
    inputs = tf.constant(crops[..., None].astype(np.float32) / 255.0)
    stored: dict[str, Any] = {"seed": SEED, "crops_seed": CROPS_SEED}
    for name, build in (("segclr", published), ("segclr-tf2", port)):
        call, found = build()
        kinds = {v.theirs: v for v in variables(architecture(name))}
        for theirs, variable in kinds.items():
            found[theirs].assign(seeded_value(theirs, variable.kind, tuple(found[theirs].shape), SEED))
        graph = tf.function(call)
        for which in ("rule", "recalibrated"):
            if which == "recalibrated":
                for theirs, value in moments_of(name).items():
                    found[theirs].assign(value)
                    stored[f"{name}:moments:{theirs}"] = value
            stored[f"{name}:{which}"] = np.concatenate([graph(inputs[i : i + 1]).numpy() for i in range(CROPS)])
    np.savez_compressed(target, **stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "segclr_parity.npz")
