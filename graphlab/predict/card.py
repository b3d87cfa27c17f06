"""The card of a saved model: everything that a reader needs to judge it, typed, checked, and sealed by its own hash.

A card is one JSON object beside the model. ``card_sha256`` is of all its other entries, so that no bit changes unseen;
cards of format 1, written before there was a seal, are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ingest.schema.errors import ReadError, SchemaError, VersionError

FORMAT = 2
"""1: no seal, and a question with the settings of both tasks that there were."""
SEAL = "card_sha256"
Estimated = Mapping[str, Any]
"""``value``, ``lo``, ``hi`` (None where undefined) and ``folds``."""
Scores = Mapping[str, Mapping[str, Estimated]]
"""Predictor -> metric -> estimate."""
SETTINGS_BEFORE = {
    "functional": ("task", "homologues", "embeddings", "responses", "outsiders"),
    "cell-type": ("task", "homologues", "embeddings", "label", "unknown", "least"),
}
"""Entries of a question of format 1 that are of its task."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the protocol found: how predictors were tested, and what came out."""

    task: str
    """In words."""
    kind: str
    """``pair`` or ``node``."""
    classes: list[str]
    split: str
    split_hash: str
    folds: list[dict[str, int]]
    """Examples to ``train`` and to ``test``."""
    seed: int = 0
    bootstraps: int = 0
    base_rates: Mapping[str, float]
    """Share of each class among test examples."""
    leaks: Mapping[str, float]
    """Share of test examples that each leak reaches."""
    promised_absent: list[str] = field(default_factory=list)
    promises_unchecked: Mapping[str, str] = field(default_factory=dict)
    near_copies: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, str]
    """Column -> family."""
    reference: str
    candidates: list[str] = field(default_factory=list)
    nominated: list[str] = field(default_factory=list)
    recommended: str | None = None
    recommended_because: str | None = None
    chance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    chance_level: float | None = None
    compared: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    comparisons: int = 1
    predictors: Mapping[str, str]
    """Name -> what it is."""
    scores: Scores
    differences: Scores = field(default_factory=dict)
    reliability: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def metric(self) -> str:
        """The task's first metric."""
        return str(next(iter(next(iter(self.scores.values())))))


@dataclass(frozen=True, kw_only=True)
class PredictorCard(Findings):
    """The card of one saved model."""

    name: str
    run_id: str = ""
    predictor: str
    """That was fitted on all labels and saved."""
    predictor_sentence: str = ""
    question: Mapping[str, Any]
    """Task and settings, so that a model that is asked reads the graph alike."""
    graph: Mapping[str, Any]
    """Versions, and hashes of every part that predictors see."""
    embeddings: Mapping[str, Any] | None = None
    examples: Mapping[str, int] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    uncertainty: Scores = field(default_factory=dict)
    importance: list[Mapping[str, Any]] = field(default_factory=list)
    importance_notes: list[str] = field(default_factory=list)
    controls: list[Mapping[str, Any]] = field(default_factory=list)
    confounds: list[str] = field(default_factory=list)
    labels_from_connectivity: bool | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    weights_sha256: str = ""
    held_sha256: str | None = None
    """None in format 1."""

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        found: dict[str, Any] = plain(asdict(self))
        return found

    def text(self) -> str:
        """As it stands on disk."""
        return sealed({"format": FORMAT, **self.document()})


def sealed(document: Mapping[str, Any]) -> str:
    """The text of a card, with the hash of its other entries."""
    rest = {key: value for key, value in document.items() if key != SEAL}
    return json.dumps({**rest, SEAL: _seal(rest)}, indent=2, allow_nan=False) + "\n"


def read(path: Path) -> PredictorCard:
    """The card on disk.

    Raises:
        ReadError: it is no JSON, or changed since it was written. VersionError: of a newer format.
        SchemaError: the card of something else, or entries that no training writes.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(f"{path.name}: {error}; train the model again, or remove the file") from None
    if not isinstance(document, dict):
        document = {}
    number, seal = document.get("format", 1), document.get(SEAL)
    if isinstance(number, int) and number > FORMAT:
        raise VersionError(f"{path.name} is of format {number}; this graphlab reads up to {FORMAT}: upgrade it")
    if (number != 1 or seal is not None) and seal != _seal({k: v for k, v in document.items() if k != SEAL}):
        raise ReadError(f"{path.name} was changed since it was written (its hash differs); train the model again")
    if missing := [name for name in _required() if name not in document]:
        raise SchemaError(
            f"{path.name} is not the card of a predictor (it lacks {', '.join(missing)}); models to be asked are "
            "made by `graphlab train`. Train the model again"
        )
    if bad := [name for name, fits in SHAPES.items() if name in document and not fits(document[name])]:
        raise SchemaError(
            f"{path.name} has {', '.join(bad)} of another form than training writes; train the model again"
        )  # fmt: skip
    if document["reference"] not in document["scores"]:
        raise SchemaError(f"{path.name} has no scores of its reference; train the model again")
    if number == 1:
        kept = SETTINGS_BEFORE.get(str(document["question"].get("task")), ())
        document["question"] = {name: value for name, value in document["question"].items() if name in kept}
    known = {one.name for one in fields(PredictorCard)}
    return PredictorCard(**{name: value for name, value in document.items() if name in known})


def is_of_a_predictor(path: Path) -> bool:
    """Whether a JSON file says that it is such a card; True where it cannot be read, so that somebody says so."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return True
    return isinstance(document, dict) and bool({"split_hash", "scores", SEAL} & set(document))


def plain(value: Any) -> Any:
    """The same as JSON knows it: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _seal(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _required() -> list[str]:
    return [one.name for one in fields(PredictorCard) if one.default is MISSING and one.default_factory is MISSING]


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _named(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda values: isinstance(values, dict) and all(fits(value) for value in values.values())


def _listed(fits: Callable[[Any], bool], least: int = 0) -> Callable[[Any], bool]:
    return lambda values: isinstance(values, list) and len(values) >= least and all(fits(value) for value in values)


def _filled(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda values: bool(values) and fits(values)


def _having(**wanted: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(fits(value.get(name)) for name, fits in wanted.items())


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_share(value: Any) -> bool:
    return is_number(value) and 0.0 <= value <= 1.0


def _is_estimate(value: Any) -> bool:
    return isinstance(value, dict)


_are_scores = _named(_filled(_named(_is_estimate)))
SHAPES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("name", "run_id", "task", "split", "split_hash", "reference", "predictor"), _is_text),
    **dict.fromkeys(("predictor_sentence", "weights_sha256"), _is_text),
    **dict.fromkeys(("recommended", "recommended_because", "held_sha256"), _or_none(_is_text)),
    **dict.fromkeys(("candidates", "nominated", "promised_absent"), _listed(_is_text)),
    **dict.fromkeys(("notes", "importance_notes", "confounds"), _listed(_is_text)),
    **dict.fromkeys(("features", "predictors", "promises_unchecked", "versions"), _named(_is_text)),
    **dict.fromkeys(("seed", "bootstraps", "comparisons"), lambda value: isinstance(value, int)),
    "kind": lambda value: value in ("pair", "node"),
    "classes": _listed(_is_text, least=2),
    "folds": _listed(_having(test=is_number), least=1),
    "base_rates": _filled(_named(_is_share)),
    "leaks": _named(_is_share),
    "near_copies": lambda value: isinstance(value, dict) and _named(_is_share)(value.get("share", {})),
    "chance": _named(_having(p=_is_share, floor=_is_share)),
    "chance_level": _or_none(_is_share),
    "compared": _named(_listed(_having(metric=_is_text, verdict=_is_text, difference=_is_estimate))),
    "scores": _filled(_are_scores),
    **dict.fromkeys(("differences", "uncertainty"), _are_scores),
    "reliability": _named(_listed(lambda value: _listed(is_number)(value) and len(value) == 3)),
    "importance": _listed(_having(of=_is_text, way=_is_text, predictor=_is_text, metric=_is_text, loss=_is_estimate)),
    "controls": _listed(_having(control=_is_text, what=_is_text, note=_is_text)),
    "question": _having(task=_is_text),
    "graph": _having(hashes=_named(_is_text), counts=_named(is_number)),
    "embeddings": _or_none(_having(model=_is_text, width=is_number)),
    "examples": _named(is_number),
    "calibration": lambda value: isinstance(value, dict),
    "labels_from_connectivity": lambda value: value is None or isinstance(value, bool),
}
"""Entry -> whether a value can be shown: a graph folder may come from anywhere."""
