"""What a person chooses about weights, as plain values that a run writes down and does again.

Tests: tests/graphlab/circuits/weights/test_read.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from graphlab.circuits.weights.policies import sign_policy
from ingest.schema.errors import AnalysisError, UnknownNameError

DENOMINATORS = ("stored", "in-graph")
UNKNOWN_SIGNS = ("refuse", "exclude", "excite", "inhibit")
TRANSMITTERS_OF = ("neuron", "connection")
SUMMED = "summed"


@dataclass(frozen=True)
class WeightSettings:
    """Choices about the weights of an analysis."""

    kind: str = "chemical"
    min_weight: float = 0.0
    """Pairs whose total over all neuropils is below it are left out."""
    denominator: str = "stored"
    """What a fraction of input is of: ``stored``, all input before the threshold, fragments in, autapses out; or
    ``in-graph``, the connections that the threshold leaves."""
    within: Any = None
    """Only these neurons and the connections among them: root_ids, or criteria as ``graph.neurons`` takes them."""
    signs: str | None = None
    """A named policy; None for weights without signs."""
    unknown_signs: str = "refuse"
    """What becomes of connections that have no sign by the policy: refuse, exclude, excite or inhibit."""
    sign_of: Mapping[str, int] | None = None
    """cell_type -> 1, -1, or 0 to leave its outputs out; before the policy."""
    transmitter_of: str = "neuron"
    """Whose transmitter counts: of the presynaptic ``neuron``, or of the ``connection`` where its source names one."""
    min_confidence: float | None = None
    """Transmitters predicted with less confidence are unknown; the policy's own cut when None."""
    proofread: bool = False
    """Only connections from proofread axons onto proofread dendrites."""
    compartment: str = SUMMED
    """What pairs have there alone (``axo-dendritic``), where compartments are stored; ``summed`` for all together."""

    def __post_init__(self) -> None:
        one_of("denominator", self.denominator, DENOMINATORS)
        one_of("treatment of unknown signs (unknown_signs)", self.unknown_signs, UNKNOWN_SIGNS)
        one_of("owner of a transmitter (transmitter_of)", self.transmitter_of, TRANSMITTERS_OF)
        if self.signs is not None:
            sign_policy(self.signs)
        elif self.sign_of or self.min_confidence is not None:
            raise AnalysisError("sign_of and min_confidence belong to a policy of signs; name one with signs=")
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise AnalysisError(f"min_confidence is {self.min_confidence}; wanted a number from 0 to 1")
        if not math.isfinite(self.min_weight):
            raise AnalysisError(f"min_weight is {self.min_weight}; wanted the least weight of a connection that counts")
        for name, sign in (self.sign_of or {}).items():
            if sign not in (1, -1, 0):
                raise AnalysisError(f"sign_of: found {sign!r} for {name!r}; wanted 1, -1, or 0 to leave it out")

    def plain(self) -> dict[str, Any]:
        """The settings as a run keeps them."""
        return asdict(self)


def weight_settings(given: Mapping[str, Any]) -> WeightSettings:
    """The settings of these names; UnknownNameError with the nearest ones for another."""
    known = [field.name for field in fields(WeightSettings)]
    for name in given:
        if name not in known:
            raise UnknownNameError("setting of weights", name, known)
    return WeightSettings(**given)


def one_of(what: str, found: str, known: tuple[str, ...]) -> None:
    """UnknownNameError where ``found`` is none of ``known``."""
    if found not in known:
        raise UnknownNameError(what, str(found), known)
