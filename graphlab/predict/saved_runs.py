"""Saved runs as the report reads them: the card of a model and its held-out predictions, checked against each other.

Tests: tests/graphlab/report/sections/test_predictions.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.predict.card import PredictorCard, is_number, is_of_a_predictor, read
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.protocol import NOMINATED
from ingest.schema.errors import GraphlabError, ReadError, SchemaError

CARD, HELD = ".json", ".held.parquet"
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
    card: PredictorCard
    held: Mapping[str, list[HeldFold]]

    @property
    def classes(self) -> list[str]:
        return self.card.classes

    @property
    def metric(self) -> str:
        """The task's first metric."""
        return self.card.metric

    @property
    def chosen(self) -> str:
        """The predictor whose errors are told: nominated without sight of the test examples, else the reference."""
        return NOMINATED if NOMINATED in self.card.scores else self.card.reference


def saved_runs(folder: Path) -> tuple[list[SavedRun], list[str]]:
    """(runs by name, a sentence about each that cannot be read) of the models folder of a graph.

    Cards of other models, which have no scores of predictors, are passed over.
    """
    runs, troubles = [], []
    for path in sorted(folder.glob(f"*{CARD}")) if folder.is_dir() else []:
        if not is_of_a_predictor(path):
            continue
        try:
            runs.append(read_run(path))
        except GraphlabError as error:
            troubles.append(str(error))
    return runs, troubles


def read_run(path: Path) -> SavedRun:
    """The run of one card.

    Raises:
        ReadError: the card or its predictions were changed or cut off. SchemaError: they do not fit each other.
    """
    card = read(path)
    held_path = path.with_name(path.stem + HELD)
    return SavedRun(path.stem, card, _read_held(held_path, card) if held_path.is_file() else {})


def _read_held(path: Path, card: PredictorCard) -> dict[str, list[HeldFold]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    classes = len(card.classes)
    try:
        content = path.read_bytes()
        if card.held_sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise ReadError(f"{path.name} was changed since it was written (its hash differs); train the model again")
        table = pq.read_table(pa.BufferReader(content))
    except ReadError:
        raise
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
    folds: dict[str, list[HeldFold]] = {}
    for predictor in dict.fromkeys(name.tolist()):
        of_it = name == predictor
        folds[str(predictor)] = [
            HeldFold(ends[0][rows], ends[1][rows], label[rows], probability[rows])
            for number in np.unique(fold[of_it])
            for rows in [np.flatnonzero(of_it & (fold == number))]
        ]
    return folds


def estimate_text(estimate: Mapping[str, Any] | None, signed: bool = False) -> str:
    """A value with its interval, a dash where there is none."""
    value, lo, hi = ((estimate or {}).get(key) for key in ("value", "lo", "hi"))
    if not is_number(value):
        return "–"
    sign = "+" if signed else ""
    text = f"{value:{sign}.3f}"
    if is_number(lo) and is_number(hi):
        text += f" [{lo:{sign}.3f}, {hi:{sign}.3f}]"
    return text.replace("-", "−")
