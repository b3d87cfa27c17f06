"""Saved runs as the report reads them: the card of a model and its held-out predictions, checked against each other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.protocol import NOMINATED
from ingest.schema.errors import GraphlabError, ReadError, SchemaError

CARD, HELD = ".json", ".held.parquet"
ASKED = {"task", "kind", "classes", "split", "folds", "base_rates", "leaks", "reference", "predictors", "scores"}
COLUMNS = ("predictor", "fold", "source_root_id", "target_root_id", "label", "probability")
RootIds = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class HeldFold:
    """What one predictor said of the test examples of one fold."""

    source: RootIds
    target: RootIds
    label: Ints
    probability: Floats
    """[k, classes]"""

    @property
    def pair(self) -> tuple[Ints, Floats]:
        return self.label, self.probability


@dataclass(frozen=True, eq=False)
class SavedRun:
    """One model's card and its held-out predictions, predictor -> folds; none where they were not kept."""

    name: str
    card: Mapping[str, Any]
    held: Mapping[str, list[HeldFold]]

    @property
    def classes(self) -> list[str]:
        return [str(name) for name in self.card["classes"]]

    @property
    def metric(self) -> str:
        """The task's first metric."""
        return str(next(iter(next(iter(self.card["scores"].values())))))

    @property
    def chosen(self) -> str:
        """The predictor whose errors are told: nominated without sight of the test examples, else the reference."""
        return NOMINATED if NOMINATED in self.card["scores"] else str(self.card["reference"])


def saved_runs(folder: Path) -> tuple[list[SavedRun], list[str]]:
    """(runs by name, a sentence about each that cannot be read) of the models folder of a graph.

    Cards of other models, which have no scores of predictors, are passed over.
    """
    found, troubles = [], []
    for path in sorted(folder.glob(f"*{CARD}")) if folder.is_dir() else []:
        try:
            run = read_run(path)
        except GraphlabError as error:
            troubles.append(str(error))
            continue
        if run is not None:
            found.append(run)
    return found, troubles


def read_run(path: Path) -> SavedRun | None:
    """The run of one card; None where it is the card of something else.

    Raises:
        ReadError: no JSON, or no Parquet. SchemaError: parts are missing, or card and predictions do not fit.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path.name}: {error}; train the model again, or remove the file") from None
    if not isinstance(card, dict) or not {"scores", "split_hash"} <= set(card):
        return None
    if trouble := _trouble(card):
        raise SchemaError(f"{path.name} {trouble}; train the model again")
    held = path.with_name(path.stem + HELD)
    return SavedRun(path.stem, card, _read_held(held, len(card["classes"])) if held.is_file() else {})


def _trouble(card: Mapping[str, Any]) -> str | None:
    """What keeps a card from being shown: a graph folder may come from anywhere."""
    if missing := sorted(ASKED - set(card)):
        return f"lacks {', '.join(missing)}"
    bad = [key for key, fits in SHAPES.items() if key in card and not fits(card[key])]
    if bad:
        return f"has {', '.join(bad)} of another form than training writes"
    if card["reference"] not in card["scores"]:
        return "has no scores of its reference"
    return None


def _named(values: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(values, dict) and all(fits(value) for value in values.values())


def _listed(values: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(values, list) and all(fits(value) for value in values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0.0 <= value <= 1.0


def _is_estimate(value: Any) -> bool:
    return isinstance(value, dict)


def _are_scores(value: Any) -> bool:
    return _named(value, lambda row: bool(row) and _named(row, _is_estimate))


def _is_bin(value: Any) -> bool:
    return _listed(value, _is_number) and len(value) == 3


def _is_importance(value: Any) -> bool:
    return isinstance(value, dict) and {"of", "way", "predictor", "metric"} <= set(value) and _is_estimate(
        value.get("loss")
    )  # fmt: skip


def _is_chance(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_share(value.get(key)) for key in ("p", "floor"))


def _is_compared(value: Any) -> bool:
    return isinstance(value, dict) and _is_estimate(value.get("difference")) and all(
        _is_text(value.get(key)) for key in ("metric", "verdict")
    )  # fmt: skip


def _is_fold(value: Any) -> bool:
    return isinstance(value, dict) and _is_number(value.get("test"))


SHAPES: dict[str, Callable[[Any], bool]] = {
    "task": _is_text,
    "kind": lambda value: value in ("pair", "node"),
    "classes": lambda value: _listed(value, _is_text) and len(value) >= 2,
    "split": _is_text,
    "folds": lambda value: bool(value) and _listed(value, _is_fold),
    "base_rates": lambda value: bool(value) and _named(value, _is_share),
    "leaks": lambda value: _named(value, _is_share),
    "reference": _is_text,
    "scores": lambda value: bool(value) and _are_scores(value),
    "differences": _are_scores,
    "nominated": lambda value: _listed(value, _is_text),
    "recommended_because": _is_text,
    "chance": lambda value: _named(value, _is_chance),
    "compared": lambda value: _named(value, lambda row: _listed(row, _is_compared)),
    "near_copies": lambda value: isinstance(value, dict) and _named(value.get("share", {}), _is_share),
    "promises_unchecked": lambda value: _named(value, _is_text),
    "promised_absent": lambda value: _listed(value, _is_text),
    "reliability": lambda value: _named(value, lambda row: _listed(row, _is_bin)),
    "uncertainty": _are_scores,
    "importance": lambda value: _listed(value, _is_importance),
    "notes": lambda value: _listed(value, _is_text),
    "importance_notes": lambda value: _listed(value, _is_text),
}
"""Entry of a card -> whether a value can be shown."""


def _read_held(path: Path, classes: int) -> dict[str, list[HeldFold]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ReadError(f"{path.name}: {error}; train the model again") from None
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise SchemaError(f"{path.name} lacks the columns {', '.join(missing)}; train the model again")
    columns = {name: table[name].combine_chunks() for name in COLUMNS}
    label = columns["label"].to_numpy(zero_copy_only=False).astype(np.int64)
    flat = columns["probability"].flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    if len(flat) != classes * table.num_rows or (len(label) and not 0 <= label.min() <= label.max() < classes):
        raise SchemaError(
            f"{path.name} has {len(flat):,} probabilities and labels to {label.max(initial=0)} in {table.num_rows:,} "
            f"rows; its card has {classes} classes. Train the model again"
        )
    if not np.isfinite(flat).all():
        raise SchemaError(f"{path.name} has probabilities that are no numbers; train the model again")
    probability = flat.reshape(table.num_rows, classes)
    ends = [columns[name].to_numpy(zero_copy_only=False).astype(np.uint64) for name in COLUMNS[2:4]]
    name = np.array(columns["predictor"].to_pylist(), dtype=object)
    fold = columns["fold"].to_numpy(zero_copy_only=False)
    found: dict[str, list[HeldFold]] = {}
    for predictor in dict.fromkeys(name.tolist()):
        of_it = name == predictor
        found[str(predictor)] = [
            HeldFold(ends[0][rows], ends[1][rows], label[rows], probability[rows])
            for number in np.unique(fold[of_it])
            for rows in [np.flatnonzero(of_it & (fold == number))]
        ]
    return found


def estimate_text(estimate: Mapping[str, Any] | None, signed: bool = False) -> str:
    """A value with its interval, a dash where there is none."""
    value, lo, hi = ((estimate or {}).get(key) for key in ("value", "lo", "hi"))
    if not _is_number(value):
        return "–"
    sign = "+" if signed else ""
    text = f"{value:{sign}.3f}"
    if _is_number(lo) and _is_number(hi):
        text += f" [{lo:{sign}.3f}, {hi:{sign}.3f}]"
    return text.replace("-", "−")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
