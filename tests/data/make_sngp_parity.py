"""How sngp_parity.npz and sngp_classifier/ were made: Google's own classifier code. Not a test, and not run by one.

google-research/connectomics at commit 76ef81698c9f877fb138f2e43896f63d0bc8e6e7, unpacked in a folder CHECKOUT, in an
environment of its own (none of it is part of this repository):

    python3.11 -m venv ENV
    ENV/bin/pip install "tensorflow==2.15.*" "tf_keras==2.15.*" "tensorflow-probability==0.23.*" \
        "scipy<1.11" "numpy<2" edward2==0.0.2
    PYTHONPATH=CHECKOUT ENV/bin/python tests/data/make_sngp_parity.py

Weights are what their initialisers drew; the archive holds them beside inputs and outputs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import edward2 as ed
import numpy as np
import tensorflow as tf
from connectomics.segclr.classification import model_def, model_handler, uncertainty_utils

HERE = Path(__file__).parent
WIDTH, HIDDEN, FEATURES, CLASSES, ROWS = 8, 16, 32, 4, 12
CONFIG = {
    "num_hidden": HIDDEN, "num_layers": 2, "num_inducing": FEATURES, "num_classes": CLASSES, "l2_reg": 0.001,
    "gp_kernel_scale": 2.0, "scale_random_features": True, "gp_cov_momentum": 0.999, "gp_cov_ridge_penalty": 0.001,
}  # fmt: skip


def spectral(found: dict[str, Any], inputs: np.ndarray) -> None:
    """A wrapped Dense called five times in training, then once not: kernels and outputs after each call."""
    for name, bound, size in (("above", 0.95, 1.0), ("below", 6.0, 0.2)):
        start = (size * np.random.default_rng(3).normal(size=(WIDTH, HIDDEN))).astype(np.float32)
        dense = tf.keras.layers.Dense(HIDDEN, kernel_initializer=tf.constant_initializer(start))
        layer = ed.layers.SpectralNormalization(dense, norm_multiplier=bound, iteration=1)
        layer.build((None, WIDTH))
        u = np.random.default_rng(4).normal(size=(1, HIDDEN)).astype(np.float32)
        layer.layer.kernel.assign(start)
        layer.u.assign(u)
        found |= {f"spectral/{name}/start": start, f"spectral/{name}/u": u, f"spectral/{name}/bound": np.float32(bound)}
        for step in range(6):
            found[f"spectral/{name}/output_{step}"] = layer(inputs, training=step < 5).numpy()
            found[f"spectral/{name}/kernel_{step}"] = layer.layer.kernel.numpy()


def weights_of(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """Variables by the paths of their object graph."""
    dense = {"input": model.input_layer_train}
    for part, layers in (("1", model.dense_layers_1), ("2", model.dense_layers_2)):
        for number, layer in enumerate(layers):
            dense[f"{part}_{number}"] = layer
    found: dict[str, np.ndarray] = {}
    for name, layer in dense.items():
        inner = getattr(layer, "layer", layer)
        found |= {f"{name}/kernel": inner.kernel.numpy(), f"{name}/bias": inner.bias.numpy()}
        if inner is not layer:
            found[f"{name}/u"], found[f"{name}/v"] = layer.u.numpy(), layer.v.numpy()
    last = model.classifier
    if hasattr(last, "kernel"):
        return found | {"output/kernel": last.kernel.numpy(), "output/bias": last.bias.numpy()}
    return found | {
        "norm/gamma": last._input_norm_layer.gamma.numpy(),
        "norm/beta": last._input_norm_layer.beta.numpy(),
        "features/kernel": last._random_feature.kernel.numpy(),
        "features/bias": last._random_feature.bias.numpy(),
        "output/kernel": last._gp_output_layer.kernel.numpy(),
        "output/bias": last._gp_output_bias.numpy(),
        "precision": last._gp_cov_layer.precision_matrix.numpy(),
    }


def networks(found: dict[str, Any], inputs: np.ndarray) -> None:
    """Every kind of network: logits, variances and probabilities of a clean pass, and the gradient of a loss."""
    label = np.arange(ROWS) % CLASSES
    kinds = {
        "plain": (model_def.DeepResNet, {k: CONFIG[k] for k in ("num_hidden", "num_layers", "num_classes", "l2_reg")}),
        "sn": (model_def.DeepResNetSN, {**{k: CONFIG[k] for k in ("num_hidden", "num_layers", "num_classes")},
                                        "spec_norm_bound": 0.95}),
        "gp": (model_def.DeepResNetGP, {**CONFIG, "gp_cov_momentum": -1.0}),
        "sngp": (model_def.DeepResNetSNGP, {**CONFIG, "spec_norm_bound": 0.95, "gp_cov_momentum": -1.0}),
    }  # fmt: skip
    for name, (kind, config) in kinds.items():
        tf.random.set_seed(11)
        model = kind(**config)
        model(inputs, training=False)
        if hasattr(model.classifier, "reset_covariance_matrix"):
            model.classifier.reset_covariance_matrix()
            model(inputs, training=True)
        with tf.GradientTape() as tape:
            logits = model(inputs, training=False)
            loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(label, logits, from_logits=True))
        found |= {f"{name}/weights/{key}": value for key, value in weights_of(model).items()}
        kernel = model.input_layer_train.kernel
        found |= {f"{name}/logits": logits.numpy(), f"{name}/gradient": tape.gradient(loss, kernel).numpy()}
        if "gp" in name:
            found[f"{name}/variance"] = model.variance(inputs).numpy()
            found[f"{name}/adjusted"] = model.adjusted_probas(inputs, 3 / np.pi**2).numpy()


def folder(found: dict[str, Any], data: np.ndarray) -> None:
    """A classifier trained for a few epochs and saved by Google's own ``save_model``, and what it says of rows."""
    tf.keras.utils.set_random_seed(5)
    rng = np.random.default_rng(8)
    label = np.arange(240) % CLASSES
    centre = rng.normal(size=(CLASSES, WIDTH)) * 2
    rows = (centre[label] + rng.normal(size=(240, WIDTH)) + 1.0).astype(np.float32)
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    history, model_config, train_config, model = model_handler.train_model(
        (rows - mean) / std, label, training_epochs=5, batch_size=32,
        model_config={**{k: v for k, v in CONFIG.items() if k != "num_classes"}, "spec_norm_bound": 0.95},
    )  # fmt: skip
    out = HERE / "sngp_classifier"
    shutil.rmtree(out, ignore_errors=True)
    model_handler.save_model(
        model, model_config, str(out), history, train_config, mean, std, ["made"], var_scale=3 / np.pi**2
    )
    again, _ = model_handler.load_model(str(out))
    asked = data + 1.0
    logits = again((asked - mean) / std, training=False).numpy()
    variance = again.variance((asked - mean) / std).numpy()
    adjusted, adjusted_logits = uncertainty_utils.adjust_logits(logits, variance, 3 / np.pi**2)
    found |= {
        "folder/asked": asked, "folder/logits": logits, "folder/variance": variance, "folder/adjusted": adjusted,
        "folder/doubt": uncertainty_utils.calculate_dempster_shafer(adjusted_logits),
    }  # fmt: skip


def main() -> None:
    inputs = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)
    found: dict[str, Any] = {"inputs": inputs}
    spectral(found, inputs)
    networks(found, inputs)
    folder(found, inputs)
    initial = ed.initializers.OrthogonalRandomFeatures(stddev=1.0, random_norm=False)((WIDTH, FEATURES)).numpy()
    found["orthogonal"] = initial
    np.savez_compressed(HERE / "sngp_parity.npz", **found)


if __name__ == "__main__":
    main()
