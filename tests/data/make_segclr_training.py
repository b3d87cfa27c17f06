"""How segclr_training.npz was made: Google's own training code on small made-up inputs. Not a test, not run by one.

Sources, none of which are part of this repository: google-research/connectomics at commit
76ef81698c9f877fb138f2e43896f63d0bc8e6e7 (segclr/objective.py, tf2/objective.py, tf2/data_augmentation_util.py,
model_util.py, resnet.py, tf2/legacy_model.py) and google-research/simclr at 383d4143fd8cf7879ae10f1046a9baeb753ff438
(lars_optimizer.py, resnet.py), unpacked into SOURCES/connectomics and SOURCES/simclr; TensorFlow 2.18.1 and tf_keras
2.18.0 in an environment of their own:

    TF_USE_LEGACY_KERAS=1 PYTHONPATH=.:SOURCES python tests/data/make_segclr_training.py

Everything random of Google's is drawn once and kept beside what it gave: the numbers that NumPy and TensorFlow handed
out (``tf.random.uniform`` is replaced by one that hands out numbers of ours; the code that uses them is theirs).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as tf1
from connectomics.segclr import model_util, objective
from connectomics.segclr.tf2 import data_augmentation_util, legacy_model
from connectomics.segclr.tf2 import objective as objective2
from simclr import lars_optimizer

from gpu_embed.encoder.variables import seeded_value

SEED = 20220819
FOUND: dict[str, Any] = {}


def losses() -> None:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(12, 7)).astype(np.float32)
    FOUND["loss/hidden"] = hidden
    for temperature in (0.1, 1.0):
        for normal in (True, False):
            key = f"loss/{temperature}/{normal}"
            with tf.GradientTape() as tape:
                x = tf.Variable(hidden)
                named = {"hidden_norm": normal, "temperature": temperature}
                value, _, _, correlation, entropy = objective2.add_contrastive_loss(
                    x, calc_correlation=True, calc_entropy=True, **named
                )
            FOUND[f"{key}/tf2"] = np.array([value, correlation, entropy])
            FOUND[f"{key}/gradient"] = tape.gradient(value, x).numpy()
            with tf.Graph().as_default(), tf1.Session() as session:
                value, _, _, correlation, entropy = objective.add_ntxent_loss(
                    tf.constant(hidden), calc_correlation=True, calc_entropy=True, **named
                )
                FOUND[f"{key}/tf1"] = np.array(session.run([value, correlation, entropy]))


def augmentations() -> None:
    rng = np.random.default_rng(2)
    pair = rng.uniform(size=(2, 1, 5, 5, 5, 1)).astype(np.float32)
    FOUND["augment/pair"] = pair
    draws = [(a, c, g) for a in (-0.25, 0.07, 0.2) for c in (-0.2, 0.0, 0.24) for g in (-1.0, 0.3, 0.9)]
    given = iter([number for draw in draws for number in draw])

    def uniform(shape: Any, minval: float, maxval: float, dtype: Any) -> Any:
        number = next(given)
        assert minval <= number <= maxval
        return tf.constant(np.full(shape, number), dtype)

    theirs, tf.random.uniform = tf.random.uniform, uniform
    data_augmentation_util.tf.random.uniform = uniform
    single = data_augmentation_util.gray_augment_single.python_function
    FOUND["augment/grey draws"] = np.array(draws)
    FOUND["augment/grey"] = np.stack([single(tf.constant(pair[0])).numpy() for _ in draws])
    tf.random.uniform = data_augmentation_util.tf.random.uniform = theirs
    flips, turns, shifts = [], [], []
    for seed in range(8):
        features = {"channel_0": {"em": [tf.constant(one) for one in pair]}}
        np.random.seed(seed)  # noqa: NPY002 - what Google's code draws from
        flips.append(np.stack(data_augmentation_util.random_flip(features, [["em"]])["channel_0"]["em"]))
        features = {"channel_0": {"em": [tf.constant(one) for one in pair]}}
        np.random.seed(seed)  # noqa: NPY002 - what Google's code draws from
        turns.append(np.stack(data_augmentation_util.random_permutations(features, [["em"]])["channel_0"]["em"]))
        np.random.seed(seed)  # noqa: NPY002 - what Google's code draws from
        moved = data_augmentation_util.random_shift({"center-0": np.zeros(3), "center-1": np.zeros(3)}, 20)
        shifts.append(np.stack([moved["center-0"], moved["center-1"]]))
    FOUND["augment/flips"], FOUND["augment/turns"], FOUND["augment/shifts"] = map(np.stack, (flips, turns, shifts))


def optimizer() -> None:
    rng = np.random.default_rng(3)
    names = ["conv/kernel", "conv/bias", "stage/bn_0/gamma", "zero/kernel"]
    start = [rng.normal(size=size).astype(np.float32) for size in ((3, 4), (4,), (4,), (2, 2))]
    start[3][:] = 0
    gradients = rng.normal(size=(6, 24)).astype(np.float32)
    FOUND["lars/start"], FOUND["lars/gradients"] = np.concatenate([s.ravel() for s in start]), gradients
    for number, (momentum, decay) in enumerate([(0.9, 1e-2), (1e-4, 0.9)]):
        with tf.Graph().as_default(), tf1.Session() as session:
            made = [tf1.get_variable(name, initializer=s) for name, s in zip(names, start, strict=True)]
            fed = [tf1.placeholder(tf.float32, s.shape) for s in start]
            rate = tf1.placeholder(tf.float32, [])
            lars = lars_optimizer.LARSOptimizer(
                rate, momentum=momentum, weight_decay=decay, exclude_from_weight_decay=["bn", "bias"]
            )
            step = lars.apply_gradients(zip(fed, made, strict=True))
            session.run(tf1.global_variables_initializer())
            after = []
            for at, flat in enumerate(gradients):
                parts = np.split(flat, np.cumsum([s.size for s in start])[:-1])
                feed = {f: part.reshape(s.shape) for f, part, s in zip(fed, parts, start, strict=True)}
                session.run(step, {**feed, rate: 0.5 / (at + 1)})
                after.append(np.concatenate([value.ravel() for value in session.run(made)]))
        FOUND[f"lars/{number}"] = np.stack(after)


def schedule() -> None:
    for warmup in (0, 100):
        with tf.Graph().as_default(), tf1.Session() as session:
            step = tf1.train.get_or_create_global_step()
            rate = model_util.learning_rate_step(0.01, warmup, 1000)
            values = []
            for at in (0, 1, 50, 99, 100, 101, 400, 700, 999, 1000, 1100):
                session.run(step.assign(at))
                values.append((at, session.run(rate)))
        FOUND[f"schedule/{warmup}"] = np.array(values)


def network() -> None:
    """One step of the published network at 33^3: projections, loss, gradients, what norms keep.

    No crop is masked: where all voxels of a pooling window are alike, TensorFlow on the CPU hands the gradient to every
    one of them, on TPUs (where the published networks were trained) and in PyTorch to one.
    """
    x = tf.constant(varied_crops()[..., None])
    model = legacy_model.LegacySegClrModel()
    model(x, training=True)
    made = dict(model._tf1_style_var_store._vars)
    for name, variable in made.items():
        variable.assign(start_of(name, tuple(variable.shape)))
    trained = {name: v for name, v in made.items() if v.trainable}
    with tf.GradientTape() as tape:
        projected = model(x, training=True)[0]
        loss = objective2.add_contrastive_loss(projected, temperature=0.1)[0]
    gradients = tape.gradient(loss, trained)
    FOUND["network/projected"], FOUND["network/loss"] = projected.numpy(), np.array(loss)
    FOUND["network/names"] = np.array(sorted(made))
    FOUND["network/gradients"] = np.array(
        [np.linalg.norm(gradients[name].numpy().astype(np.float64)) for name in sorted(trained)]
    )
    FOUND["network/trained"] = np.array(sorted(trained))
    kept = [name for name in sorted(made) if re.search("moving|renorm", name)]
    FOUND["network/kept names"] = np.array(kept)
    FOUND["network/kept"] = np.array([made[name].numpy().astype(np.float64).sum() for name in kept])
    FOUND["network/kept first"] = np.array([made[name].numpy()[:4] for name in kept])


def varied_crops() -> np.ndarray:
    """Noise over slopes, another contrast and brightness in each, float32 [8, 33, 33, 33]."""
    rng = np.random.default_rng(4)
    noise, contrast, slopes = rng.random((8, 33, 33, 33)), rng.random((8, 1, 1, 1)), rng.random((8, 3))
    slope = np.einsum("ba,azyx->bzyx", slopes, np.stack(np.meshgrid(*[np.linspace(-1, 1, 33)] * 3, indexing="ij")))
    return (0.35 + 0.2 * contrast + 0.2 * noise * (1 - contrast) + 0.1 * slope).astype(np.float32)


def start_of(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The seeded rule; memory of renorm as the rule for means and for variances has it."""
    leaf = name.rpartition("/")[2].partition(":")[0]
    kind = {"renorm_mean": "moving_mean", "moving_stddev": "moving_variance", "renorm_stddev": "moving_variance"}
    value = seeded_value(name, kind.get(leaf, leaf), shape, SEED)
    return np.abs(value) if leaf == "gamma" else value


if __name__ == "__main__":
    for part in (losses, augmentations, optimizer, schedule, network):
        part()
        print(part.__name__, len(FOUND))
    np.savez_compressed(Path(__file__).with_name("segclr_training.npz"), **FOUND)
