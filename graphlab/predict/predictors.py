"""All predictors by name; other packages add theirs by the entry point ``graphlab.predictors``."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from graphlab.predict.inputs.wiring import CONNECTIONS, POSITIONS, WINDOWS, Wiring
from graphlab.predict.learners.baselines import IdentityRates, LabelPropagation, OneQuantity
from graphlab.predict.learners.calibration import PREFIX, Calibrated
from graphlab.predict.learners.combined.hybrid import Hybrid
from graphlab.predict.learners.combined.informed_trees import InformedTrees
from graphlab.predict.learners.combined.stacked_types import StackedTypes
from graphlab.predict.learners.conformal import PREFIX as CONFORMAL
from graphlab.predict.learners.conformal import ConformalPredictor
from graphlab.predict.learners.linear import LogisticRegression
from graphlab.predict.learners.networks.nodes import NodeNetwork
from graphlab.predict.learners.networks.pairs import PairNetwork
from graphlab.predict.learners.networks.rate_model import RateModel
from graphlab.predict.learners.ntac import PartnerTypes
from graphlab.predict.learners.trees.extra_trees import ExtraTrees
from graphlab.predict.learners.trees.forest import RandomForest
from graphlab.predict.learners.windows.heads import WindowHead
from graphlab.predict.predictor import Predictor
from graphlab.store.runs import runs
from ingest.registry import Registry
from ingest.schema.errors import AnalysisError, MissingExtraError

PREDICTORS: Registry[Predictor] = Registry("predictor", "graphlab.predictors", Predictor)

DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""Modules whose packages have another name."""
LIBRARIES = ("scikit-learn", "torch", "scipy", "safetensors")

_OURS: tuple[Predictor, ...] = (
    OneQuantity("synapse count", "weight"),
    OneQuantity("hops", "minus_path_length"),
    OneQuantity("distance", "minus_distance_um", needs=frozenset({POSITIONS})),
    OneQuantity("profile cosine", "profile_cosine"),
    OneQuantity("effective weight", "effective_weight"),
    IdentityRates(),
    LogisticRegression(),
    RandomForest(),
    RandomForest("random forest without distance", without="distance", tasks=frozenset({"pair"})),
    RandomForest("random forest on all features", tasks=frozenset({"pair"}), plain=False),
    Hybrid(),
    ExtraTrees("extra trees on pairs", ends=False, leaf=20),
    InformedTrees(),
    RateModel(),
    PairNetwork(),
    StackedTypes(),
    NodeNetwork(),
    NodeNetwork("sage", "sage"),
    NodeNetwork("gine", "gine"),
    LabelPropagation(),
    PartnerTypes(),
    LogisticRegression("spectral logistic", spectral_only=True),
    WindowHead(),
    WindowHead("published sngp", length=1.0),
    WindowHead("spectral network", features=0),
    WindowHead("process network", bound=0.0),
    WindowHead("residual network", bound=0.0, features=0),
    WindowHead("linear windows", layers=0, bound=0.0, features=0, l2=1e-4),
    WindowHead("residual ensemble", bound=0.0, features=0, members=5),
    WindowHead("laplace network", bound=0.0, features=0, laplace=True),
)
for _predictor in _OURS:
    PREDICTORS.register(_predictor.name, _predictor)


def predictor_named(name: str) -> Predictor:
    """The registered predictor; ``calibrated X`` is X with its probabilities mapped by what came true,
    ``conformal X`` is X with sets of labels and a threshold of doubt.

    Raises:
        UnknownNameError: no such predictor.
    """
    if name.startswith(CONFORMAL):
        return ConformalPredictor(predictor_named(name.removeprefix(CONFORMAL)))
    if name.startswith(PREFIX):
        return Calibrated(PREDICTORS.get(name.removeprefix(PREFIX)))
    return PREDICTORS.get(name)


def predictors_of(task: str) -> list[str]:
    """Names of the predictors that do this kind of task (``pair`` or ``node``)."""
    return [name for name, predictor in PREDICTORS if task in predictor.tasks]


def check_kind(predictor: Predictor, kind: str) -> None:
    """Refuse a predictor of another kind of task than ``kind`` (``pair`` or ``node``)."""
    if kind not in predictor.tasks:
        does = " and ".join(sorted(predictor.tasks))
        raise AnalysisError(
            f"predictor {predictor.name!r} does {does} tasks; this is a {kind} task. Of those there are: "
            f"{', '.join(predictors_of(kind))}"
        )


def check_needs(predictor: Predictor, wiring: Wiring) -> None:
    """Refuse a predictor of connections where a task has none, and one of windows where it has none."""
    for need in sorted(predictor.needs & {CONNECTIONS, WINDOWS}):
        if need not in wiring.parts:
            able = [name for name, other in PREDICTORS if "node" in other.tasks and other.needs <= wiring.parts]
            raise AnalysisError(
                f"predictor {predictor.name!r} looks at {need}, which this task does not; those that can do without "
                f"are: {', '.join(able)}"
            )


def default_predictors(task: str, wiring: Wiring) -> tuple[str, ...]:
    """Names of those that are compared where none are named, and that find in the graph what they need."""
    return tuple(
        name
        for name, predictor in PREDICTORS
        if predictor.by_default and task in predictor.tasks and predictor.needs <= wiring.parts
    )


def require_libraries(predictors: Iterable[Predictor]) -> None:
    """MissingExtraError where one cannot be fitted here: before the work, not after it."""
    for library in sorted(frozenset().union(*(predictor.libraries for predictor in predictors))):
        if find_spec(library) is None:
            raise MissingExtraError(DISTRIBUTIONS.get(library, library), "gnn")


def library_versions() -> dict[str, str]:
    """What computes predictions here."""
    versions = runs.versions()
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
