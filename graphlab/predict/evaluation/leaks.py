"""What a test set shares with its training set, and checks that stop a run whose split or inputs leak."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.statistics.folds import Fold
from ingest.schema.errors import LeakError

Build = Callable[[Ints], dict[str, npt.NDArray[np.generic]]]
"""From labels [m] to every array that predictors see."""


def _ordered(a: Ints, b: Ints, n: int) -> Ints:
    return a * n + b


def _same_example(examples: Examples, fold: Fold) -> npt.NDArray[np.bool_]:
    key = _ordered(examples.source, examples.target, len(examples.group))
    return np.isin(key[fold.test], key[fold.train])


def _shared_neuron(examples: Examples, fold: Fold) -> npt.NDArray[np.bool_]:
    seen = np.union1d(examples.source[fold.train], examples.target[fold.train])
    return np.isin(examples.source[fold.test], seen) | np.isin(examples.target[fold.test], seen)


def _shared_class(examples: Examples, fold: Fold) -> npt.NDArray[np.bool_]:
    a, b = examples.group[examples.source], examples.group[examples.target]
    seen = np.union1d(a[fold.train], b[fold.train])
    return np.isin(a[fold.test], seen) | np.isin(b[fold.test], seen)


def _mirror_pair(examples: Examples, fold: Fold) -> npt.NDArray[np.bool_]:
    return _in_training(examples, fold, reverse=False)


def _reversed_pair(examples: Examples, fold: Fold) -> npt.NDArray[np.bool_]:
    return _in_training(examples, fold, reverse=True)


def _in_training(examples: Examples, fold: Fold, reverse: bool) -> npt.NDArray[np.bool_]:
    a, b = examples.group[examples.source], examples.group[examples.target]
    size = int(examples.group.max()) + 1
    seen, asked = _ordered(a, b, size)[fold.train], _ordered(*((b, a) if reverse else (a, b)), size)[fold.test]
    return np.isin(asked, seen)


LEAKS: dict[str, Callable[[Examples, Fold], npt.NDArray[np.bool_]]] = {
    "same example": _same_example,
    "shared neuron": _shared_neuron,
    "shared class": _shared_class,
    "mirror pair": _mirror_pair,
    "reversed pair": _reversed_pair,
}
"""Which test examples share what with a training example; homologue classes stand for twins."""


def leak_table(examples: Examples, folds: Iterable[Fold]) -> dict[str, float]:
    """Share of test examples, over all folds, with each leak."""
    hits = [{name: check(examples, fold) for name, check in LEAKS.items()} for fold in folds]
    return {name: float(np.concatenate([hit[name] for hit in hits]).mean()) for name in LEAKS}


def unchecked(examples: Examples) -> dict[str, str]:
    """Leaks that cannot be seen in these examples, and why: where no two neurons are declared twins, none are known."""
    group = examples.group[np.unique(np.concatenate([examples.source, examples.target]))]
    if len(np.unique(group)) < len(group):
        return {}
    why = "no two of these neurons are declared homologues"
    of_twins = ("shared class", "mirror pair", *(() if examples.is_pairs else ("reversed pair",)))
    return dict.fromkeys(of_twins, why)


def check_fold(examples: Examples, fold: Fold) -> None:
    """Raises LeakError where the fold shares what its split promised to keep apart."""
    for name in sorted(fold.promises):
        leaked = LEAKS[name](examples, fold)
        if leaked.any():
            first = int(fold.test[int(leaked.argmax())])
            raise LeakError(
                f"{name}: {int(leaked.sum()):,} of {len(fold.test):,} test examples share it with training examples "
                f"(first: example {first}, neurons {examples.source[first]} and {examples.target[first]}), though "
                "the split promises otherwise. Give twins one homologue class, or choose a split without this promise"
            )


def check_apart(examples: Examples, fold: Fold, apart: Iterable[str], split: str) -> None:
    """Raises LeakError where a fold has a leak that the task rules out, whatever its split promises."""
    for name in sorted(apart):
        leaked = LEAKS[name](examples, fold)
        if leaked.any():
            raise LeakError(
                f"{int(leaked.sum()):,} of {len(fold.test):,} test examples are of cells (or twins of cells) that are "
                f"trained on: the split {split!r} puts cells on both sides, and scores would be of memory. Hold out "
                "whole cells: --split class"
            )


def check_labels_unseen(build: Build, examples: Examples, fold: Fold, seed: int = 0) -> None:
    """Raises LeakError where inputs change when held-out labels do.

    The labels of every example that is not trained on are replaced twice at random and the inputs built from each;
    inputs that know only training labels come out byte for byte the same.
    """
    rng = np.random.default_rng(seed)
    outside = np.setdiff1d(np.arange(examples.m), fold.train)
    changed = examples.label.copy()
    # Every held-out label becomes another class, so that no label stays by chance.
    step = rng.integers(1, len(examples.classes), len(outside))
    changed[outside] = (changed[outside] + step) % len(examples.classes)
    _compare(build(examples.label.copy()), build(changed), "held-out labels")


def check_edges_unseen(
    build: Callable[[Floats], dict[str, npt.NDArray[np.generic]]], weight: Floats, held_out: npt.NDArray[np.bool_]
) -> None:
    """Raises LeakError where inputs change when the weights of held-out edges do (link and weight tasks)."""
    changed = weight.copy()
    changed[held_out] = changed[held_out] * 2.0 + 1.0
    _compare(build(weight.copy()), build(changed), "held-out edges")


def _compare(one: dict[str, npt.NDArray[np.generic]], other: dict[str, npt.NDArray[np.generic]], what: str) -> None:
    for name, values in one.items():
        if name not in other or not np.array_equal(values, other[name], equal_nan=values.dtype.kind == "f"):
            raise LeakError(
                f"the input {name!r} was computed from {what}: it changes when they do. Compute it inside the fold "
                "from training data only, or leave it out"
            )
