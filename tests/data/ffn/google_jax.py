"""What Google's JAX network answers with made weights; writes ``google_jax.npz`` beside it, which our tests read.

Run in an environment of its own with flax and google-research/connectomics::

    python google_jax.py
"""

from __future__ import annotations

from pathlib import Path

import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np
from connectomics.jax.models.convstack import ConvstackConfig, ResConvStack

HERE = Path(__file__).parent
FEATURES, FOV = 3, (5, 7, 9)


def main():
    rng = np.random.default_rng(8)
    fields = rng.normal(size=(2, *FOV, 2)).astype(np.float32)
    kept = {"fields": fields}
    for name, normed, numbered, spread in (("norms", True, False, 0.4), ("plain", False, True, 0.25)):
        config = ConvstackConfig(
            features=FEATURES, depth=2, use_layernorm=normed, enumerate_layers=numbered, native_input_size=FOV
        )
        network = ResConvStack(config)
        shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0), jnp.asarray(fields))
        made = jax.tree.map(lambda leaf, s=spread: rng.normal(0, s, leaf.shape).astype(np.float32), shapes)
        kept[f"{name}/updates"] = np.asarray(network.apply(made, fields))[..., 0]
        other = jax.tree.map(lambda leaf: jnp.asarray(leaf * 2, jnp.bfloat16), made["params"])
        state = {"step": np.int32(7), "params": made["params"], "opt_state": {"0": {"mu": made["params"]}}}
        flax.serialization.MAX_CHUNK_SIZE = 512  # long arrays come in pieces
        alone, both = (flax.serialization.to_bytes(tree) for tree in (state, {**state, "ema_params": other}))
        kept[f"{name}/alone"], kept[f"{name}/both"] = (np.frombuffer(file, np.uint8) for file in (alone, both))
        print(name, sorted(made["params"]), len(alone), len(both))
    np.savez_compressed(HERE / "google_jax.npz", **kept)


if __name__ == "__main__":
    main()
